import Foundation
import Postgres
import TestSupport
import Testing

/// A PostgreSQL server of the test's own, which it may crash and where nobody else works.
struct PrivatePostgres {
    let url: String
    private let keeper: RunningProgram

    /// Keeps the server, crashes it at SIGUSR1, and starts it again two seconds later; at SIGUSR2 for good. scripts/lib.sh ends it when
    /// this program is gone.
    private static let script = """
        source "$0/scripts/lib.sh"
        open_workspace
        # The machine goes on, so what was written is not lost; what was committed must have been written.
        start_postgres -c fsync=off -c log_statement=all
        trap 'crash_postgres; say "crashed"; sleep 2; run_postgres; say "running again"' USR1
        trap 'crash_postgres; say "gone"' USR2
        echo "$DATABASE_URL"
        while sleep 0.1; do :; done
        """

    static func start(in programs: Programs) async throws -> PrivatePostgres {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL
        let keeper = try programs.start("/bin/bash", ["-c", script, root.path(percentEncoded: false)])
        let url = try await eventually("PostgreSQL runs", else: keeper.tail) {
            try keeper.stdout().split(separator: "\n").first
        }
        return PrivatePostgres(url: String(url), keeper: keeper)
    }

    /// How many statements it was sent so far.
    func statements() throws -> Int {
        // One protocol message, one line.
        try log().count { $0.contains("LOG:  execute ") || $0.contains("LOG:  statement: ") }
    }

    /// The lines of its log so far.
    func log() throws -> [Substring] {
        let folder = try #require(URLComponents(string: url)?.queryItems?.first { $0.name == "host" }?.value)
        return try String(contentsOfFile: "\(folder)/log", encoding: .utf8).split(separator: "\n")
    }

    /// Crashes the server; returns when it takes connections again.
    func crash() async throws {
        keeper.signal(SIGUSR1)
        try await keeper.waitForLine("running again", within: .seconds(60))
    }

    /// Crashes the server, which stays away.
    func crashForGood() async throws {
        keeper.signal(SIGUSR2)
        try await keeper.waitForLine("gone", within: .seconds(60))
    }
}
