import Foundation
import Synchronization
import Testing

/// Starts programs for one test. All of them end with the test, however it ends.
final class Programs: Sendable {
    /// Where the programs run and their files are. Removed after the test.
    let folder: URL
    /// What every program finds in its environment, beside what it is given.
    private let environment: [String: String]
    private let started = Mutex<[RunningProgram]>([])

    private init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "worker-tests-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        // Not the rest: what a developer has set for the real API stays out of tests.
        environment = ProcessInfo.processInfo.environment.filter {
            ["PATH", "HOME", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "PGBIN"].contains($0.key)
        }
    }

    static func with(_ body: (Programs) async throws -> Void) async throws {
        let programs = try Programs()
        let outcome: Result<Void, any Error>
        do {
            outcome = .success(try await body(programs))
        } catch {
            outcome = .failure(error)
            for program in programs.all { Issue.record("\(try program.tail())") }
        }
        // A test that ran out of time is cancelled, which must not keep its programs alive.
        try await Task { for program in programs.all { try await program.die() } }.value
        try FileManager.default.removeItem(at: programs.folder)
        try outcome.get()
    }

    /// Every program started so far.
    var all: [RunningProgram] { started.withLock { $0 } }

    /// Starts one of ours, which stand beside the test bundle or where `FACTPULSE_PROGRAMS` says, or any other by its path.
    func start(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws -> RunningProgram {
        let program = URL(filePath: try path(name))
        return try started.withLock { started in
            let running = try RunningProgram(
                program,
                arguments,
                environment: self.environment.merging(environment) { $1 },
                in: folder,
                log: folder.appending(path: "\(started.count)-\(program.lastPathComponent)")
            )
            started.append(running)
            return running
        }
    }

    /// The path of one of ours, or the one given.
    func path(_ name: String) throws -> String {
        let ours =
            ProcessInfo.processInfo.environment["FACTPULSE_PROGRAMS"].map { URL(filePath: $0) }
            ?? URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let program = name.hasPrefix("/") ? URL(filePath: name) : ours.appending(path: name)
        let path = program.path(percentEncoded: false)
        guard FileManager.default.isExecutableFile(atPath: path) else { throw NoProgram(path: path) }
        return path
    }

    /// Runs a program to its end.
    /// - Throws: ``TimedOut``.
    func run(
        _ name: String,
        _ arguments: [String],
        environment: [String: String] = [:],
        within limit: Duration = .seconds(180)
    ) async throws -> RunningProgram.Ended {
        try await start(name, arguments, environment: environment).waitForExit(within: limit)
    }

    /// Writes a file into the folder.
    /// - Returns: its path.
    func write(_ text: String, to name: String) throws -> String {
        let file = folder.appending(path: name)
        try Data(text.utf8).write(to: file)
        return file.path(percentEncoded: false)
    }
}

private struct NoProgram: Error, CustomStringConvertible {
    let path: String
    var description: String { "no program at \(path); build it: scripts/build" }
}
