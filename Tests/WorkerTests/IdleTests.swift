import Foundation
import Testing

@Suite
struct IdleTests {
    @Test func `an idle worker costs at most two statements a second and one percent of a core`() async throws {
        try await WorkerFixture.withPrivatePostgres { fixture, server in
            // A time that does not come while it is watched.
            let schedules = "schedules: {yearly: {job: sync-clients, cron: '@yearly'}}"
            let path = try fixture.programs.write(schedules, to: "schedules.yaml")
            let worker = try await fixture.livingWorker("--schedules", path)
            // Past what it does once.
            try await Task.sleep(for: .seconds(2))
            let (start, statements, ticks) = (ContinuousClock.now, try server.statements(), try ticks(worker))
            try await Task.sleep(for: .seconds(20))
            let seconds = (ContinuousClock.now - start) / .seconds(1)
            let rate = Double(try server.statements() - statements) / seconds
            let used = Double(try self.ticks(worker) - ticks) / Double(sysconf(Int32(_SC_CLK_TCK))) / seconds
            let figures = Figures(title: "idle worker")
            try figures.expect("statements a second", rate, "at most 2", rate <= 2)
            try figures.expect("part of a core", used, "at most 0.01", used <= 0.01)
            #expect(rate > 0.2, "it beats, so there is something to count")
        }
    }

    /// Processor time in user and kernel mode, from `/proc`.
    private func ticks(_ program: RunningProgram) throws -> Int {
        let text = try String(contentsOfFile: "/proc/\(program.pid)/stat", encoding: .utf8)
        // Behind the name, which stands in parentheses and may hold anything.
        let fields = try #require(text.split(separator: ")").last).split(separator: " ")
        return try #require(Int(fields[11])) + #require(Int(fields[12]))
    }
}
