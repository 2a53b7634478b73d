import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct RateTests {
    @Test(.timeLimit(.minutes(4))) func `four workers share one rate, use it, and do not pass it`() async throws {
        let rate = 50.0
        let limit = FaultRule(.rateLimit, on: "api") { ($0.perSecond, $0.burst) = (rate, Int(rate)) }
        try await WorkerFixture.with(
            faults: [limit],
            settings: ["FACTPULSE_RATE_LIMIT": "\(rate)", "FACTPULSE_REQUEST_TIMEOUT": "60"]
        ) { fixture in
            for _ in 0..<4 { _ = try await fixture.livingWorker() }
            let run = try await fixture.importClients(Chaos.rateRows)
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .seconds(200)
            )
            let ledger = try await fixture.sandbox.ledger()
            let times = try ledger.effects.map { try seconds($0.at) }.sorted()
            let span = try #require(times.last) - times[0]
            let used = Double(times.count - 1) / span / rate
            let busiest =
                times.indices.map { first in times[first...].prefix { $0 < times[first] + 1 }.count }.max() ?? 0

            let figures = Figures(title: "rate: 4 workers, \(Int(rate)) requests/s, \(Chaos.rateRows) rows")
            try figures.note("seconds", span)
            try figures.note("busiest window of 1 s", busiest)
            let over = Double(ledger.overLimit) / Double(ledger.requests)
            try figures.expect("requests that the server refused", ledger.overLimit, "at most 1 %", over <= 0.01)
            try figures.expect("mean rate / limit", used, "0.95 to 1.01", (Chaos.leastUsed...1.01).contains(used))
        }
    }

    @Test func `a limit that the server closed for a year is closed for an hour, or until somebody opens it`()
        async throws
    {
        let absurd = FaultRule(.throttle, on: "createClient") {
            ($0.from, $0.to, $0.retryAfter, $0.retryAfterSeconds) = (1, 1, .seconds, 31_536_000)
        }
        try await WorkerFixture.with(faults: [absurd]) { fixture in
            let workers = [
                try await fixture.livingWorker("--concurrency", "2"),
                try await fixture.livingWorker("--concurrency", "2"),
            ]
            let run = try await fixture.importClients(8)
            try await fixture.until(
                "SELECT blocked_until BETWEEN now() + interval '50 minutes' AND now() + interval '1 hour' FROM queue.rate_limits"
            )
            let lines = try await eventually("a worker says what it heard") {
                let lines = try workers.flatMap { try $0.lines("very long pause") }
                return lines.isEmpty ? nil : lines
            }
            #expect(lines[0].contains("31536000") && lines[0].contains("warning"), "\(lines)")
            let doctor = try await fixture.command("doctor")
            #expect(doctor.stdout.contains("status --reopen"), "\(doctor.stdout)")
            let opened = try await fixture.command("status", "--reopen")
            #expect(opened.exit == .code(0) && opened.stderr.contains("let through again"))
            try await fixture.until(
                "SELECT state = 'finished' FROM factpulse.bulk_runs WHERE id = \(run)",
                within: .seconds(150)
            )
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.bulk_rows WHERE state = 'done'") == 8)
        }
    }

    /// Seconds since some midnight before.
    private func seconds(_ time: String) throws -> Double {
        // 2026-01-02T03:04:05.000006Z
        let parts = time.dropLast().split { $0 == "T" || $0 == ":" || $0 == "-" }.compactMap { Double($0) }
        try #require(parts.count == 6)
        return ((parts[2] * 24 + parts[3]) * 60 + parts[4]) * 60 + parts[5]
    }

    @Test func `a 429 stops the whole fleet until its time and spends no attempt`() async throws {
        let faults = [
            FaultRule(.latency, on: "createClient") { $0.milliseconds = 100 },
            FaultRule(.throttle, on: "createClient") {
                ($0.from, $0.to, $0.retryAfter, $0.retryAfterSeconds) = (40, 40, .seconds, 5)
            },
        ]
        try await WorkerFixture.with(
            faults: faults,
            settings: ["FACTPULSE_RATE_LIMIT": "40", "FACTPULSE_REQUEST_TIMEOUT": "60"]
        ) { fixture in
            let workers = [try await fixture.livingWorker(), try await fixture.livingWorker()]
            _ = try await fixture.importClients(80)
            try await fixture.until("SELECT count(DISTINCT worker_id) = 2 FROM queue.leases")
            try await fixture.until("SELECT blocked_until > clock_timestamp() FROM queue.rate_limits")
            // What was on its way when the 429 came has arrived by now.
            try await fixture.until(
                "SELECT blocked_until - clock_timestamp() < interval '3 seconds' FROM queue.rate_limits"
            )
            let early = try await fixture.sandbox.ledger().requests
            try await fixture.until(
                "SELECT blocked_until - clock_timestamp() < interval '0.3 seconds' FROM queue.rate_limits"
            )
            #expect(try await fixture.sandbox.ledger().requests == early, "nobody may call before the time is over")
            #expect(early < 80)

            try await fixture.until("SELECT count(*) = 80 FROM factpulse.bulk_rows WHERE state = 'done'")
            let throttled = try workers.flatMap { try $0.lines("The API throttles") }
            #expect(throttled.count == 1, "\(throttled)")
            #expect(try await fixture.number("SELECT max(attempt) FROM queue.jobs WHERE kind = 'create-client'") == 1)
            #expect(try await fixture.number("SELECT count(*) FROM queue.attempts") == 0)
            #expect(try await fixture.sandbox.ledger().byOperation["createClient"]?.statuses == ["201": 80, "429": 1])
        }
    }
}
