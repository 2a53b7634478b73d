import Foundation
import Synchronization

/// A program that runs as a process of its own, with its output in files of the test.
///
/// Not Foundation's `Process`, which on Linux learns of an end only once all grandchildren have ended too, and starts
/// its children with signals blocked.
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
    let pid: pid_t
    private let files: (stdout: URL, stderr: URL)
    /// Until it is known, the number is this process's and no other's.
    private let exit = Mutex<Exit?>(nil)

    /// - Parameters:
    ///   - environment: All of it: nothing is inherited.
    ///   - log: Where its output goes; `.stdout` and `.stderr` are added.
    /// - Throws: `POSIXError`.
    init(_ program: URL, _ arguments: [String], environment: [String: String], in folder: URL, log: URL) throws {
        name = program.lastPathComponent
        files = (log.appendingPathExtension("stdout"), log.appendingPathExtension("stderr"))
        pid = try spawn(
            ["/usr/bin/env", "-C", folder.path(percentEncoded: false), program.path(percentEncoded: false)] + arguments,
            environment.map { "\($0)=\($1)" },
            output: files.stdout.path(percentEncoded: false),
            errors: files.stderr.path(percentEncoded: false)
        )
    }

    var isRunning: Bool { exit.withLock { look(&$0) == nil } }

    /// Sends a signal, such as `SIGKILL`, to this process alone. One that has ended hears nothing.
    func signal(_ number: Int32) {
        exit.withLock { if look(&$0) == nil { kill(pid, number) } }
    }

    private func look(_ exit: inout Exit?) -> Exit? {
        var status: Int32 = 0
        if exit == nil, waitpid(pid, &status, WNOHANG) == pid {
            exit = status & 0x7f == 0 ? .code(status >> 8 & 0xff) : .signal(status & 0x7f)
        }
        return exit
    }

    /// Kills it without a chance to tidy up, and returns when it is gone.
    func die() async throws {
        signal(SIGKILL)
        try await waitForExit()
    }

    /// - Throws: ``TimedOut`` when it still runs after `limit`; it goes on then.
    @discardableResult
    func waitForExit(within limit: Duration = .seconds(180)) async throws -> Ended {
        let exit = try await eventually("\(name) ends", within: limit, else: tail) { self.exit.withLock { look(&$0) } }
        return Ended(exit: exit, stdout: try stdout(), stderr: try stderr())
    }

    /// All that it has written so far.
    func stdout() throws -> String { String(decoding: try Data(contentsOf: files.stdout), as: UTF8.self) }
    func stderr() throws -> String { String(decoding: try Data(contentsOf: files.stderr), as: UTF8.self) }

    /// The first line on standard error that contains `words`, as soon as there is one.
    /// - Throws: ``TimedOut``.
    @discardableResult
    func waitForLine(_ words: String, within limit: Duration = .seconds(90)) async throws -> String {
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

/// Starts a process with no input, its output in two new files, and no signal blocked or ignored.
private func spawn(_ arguments: [String], _ environment: [String], output: String, errors: String)
    throws -> pid_t
{
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o644)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var (none, all) = (sigset_t(), sigset_t())
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))

    var (argv, envp) = (arguments.map { strdup($0) } + [nil], environment.map { strdup($0) } + [nil])
    defer { (argv + envp).forEach { free($0) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, arguments[0], &actions, &attributes, &argv, &envp)
    guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .EIO) }
    return pid
}
