import Foundation

/// A program that runs as a process of its own, with its output in files of the test.
final class RunningProgram: Sendable {
    /// How a process ended.
    enum Exit: Equatable {
        case code(Int32)
        case signal(Int32)
    }

    /// What is left of a process.
    struct Ended {
        let exit: Exit
        let stdout: String
        let stderr: String
    }

    let name: String
    let pid: Int32
    private let process: Process
    private let files: (stdout: URL, stderr: URL)

    /// - Parameters:
    ///   - environment: All of it: nothing is inherited.
    ///   - log: Where its output goes; `.stdout` and `.stderr` are added.
    /// - Throws: What Foundation throws when the program cannot be started.
    init(_ program: URL, _ arguments: [String], environment: [String: String], in folder: URL, log: URL) throws {
        files = (log.appendingPathExtension("stdout"), log.appendingPathExtension("stderr"))
        process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = environment
        process.currentDirectoryURL = folder
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Self.create(files.stdout)
        process.standardError = try Self.create(files.stderr)
        try process.run()
        name = program.lastPathComponent
        pid = process.processIdentifier
    }

    private static func create(_ file: URL) throws -> FileHandle {
        try Data().write(to: file)
        return try FileHandle(forWritingTo: file)
    }

    var isRunning: Bool { process.isRunning }

    /// All that it has written so far.
    func stdout() throws -> String { try Self.read(files.stdout) }
    func stderr() throws -> String { try Self.read(files.stderr) }

    private static func read(_ file: URL) throws -> String {
        String(decoding: try Data(contentsOf: file), as: UTF8.self)
    }

    /// Sends a signal, such as `SIGKILL`, to this process alone. One that has ended hears nothing.
    func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// Kills it without a chance to tidy up, and returns when it is gone.
    func die() async throws {
        signal(SIGKILL)
        try await waitForExit()
    }

    /// - Throws: ``TimedOut`` when it still runs after `limit`; it goes on then.
    @discardableResult
    func waitForExit(within limit: Duration = .seconds(60)) async throws -> Ended {
        try await eventually("\(name) ends", within: limit, else: tail) { isRunning ? nil : () }
        let status = process.terminationStatus
        return Ended(
            exit: process.terminationReason == .exit ? .code(status) : .signal(status),
            stdout: try stdout(),
            stderr: try stderr()
        )
    }

    /// The first line on standard error that contains `words`, as soon as there is one.
    /// - Throws: ``TimedOut``.
    @discardableResult
    func waitForLine(_ words: String, within limit: Duration = .seconds(30)) async throws -> String {
        try await eventually("\(name) says “\(words)”", within: limit, else: tail) { try lines(words).first }
    }

    /// The lines on standard error that contain `words`.
    func lines(_ words: String) throws -> [String] {
        try stderr().split(whereSeparator: \.isNewline).map(String.init).filter { $0.contains(words) }
    }

    /// Its last words, for the report of a failure.
    func tail() throws -> String {
        try "\(name) \(pid):\n" + stderr().split(whereSeparator: \.isNewline).suffix(12).joined(separator: "\n")
    }
}
