import Foundation
import Postgres

/// What the server and this process have done so far.
struct Meter {
    let walBytes: Double
    let walImages: Double
    let commits: Double
    /// 0 where the server does not count them: pg_stat_statements is not loaded.
    let statements: Double
    let time = ContinuousClock.now
    let processorTime = Meter.processorTime()

    static func read(_ database: Database) async throws -> Meter {
        let counts = try await database.query(
            """
            SELECT w.wal_bytes::float8, w.wal_fpi::float8, d.xact_commit::float8
              FROM pg_stat_wal w, pg_stat_database d WHERE d.datname = current_database()
            """
        )
        let hasStatements = try await !database.query("SELECT FROM pg_extension WHERE extname = 'pg_stat_statements'")
            .isEmpty
        var statements = 0.0
        if hasStatements {
            // What this very meter asks is not among them.
            let rows = try await database.query(
                """
                SELECT coalesce(sum(calls), 0)::float8 FROM pg_stat_statements
                 WHERE query NOT LIKE '%pg\\_stat\\_%' AND query NOT LIKE '%pg\\_extension%'
                """
            )
            statements = try rows[0].decode(at: 0, as: Double.self)
        }
        let (bytes, images, commits) = try counts[0].decode((Double.self, Double.self, Double.self))
        return Meter(walBytes: bytes, walImages: images, commits: commits, statements: statements)
    }

    /// Seconds of processor time, in user and kernel.
    private static func processorTime() -> Double {
        var usage = rusage()
        getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}

extension Duration {
    var seconds: Double { self / .seconds(1) }
}

extension [Double] {
    /// - Parameter share: 0.5 for the median.
    func percentile(_ share: Double) -> Double {
        sorted()[Int((Double(count - 1) * share).rounded())]
    }
}
