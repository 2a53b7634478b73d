import Foundation

/// A shell command that prints KEKs.
enum KeyCommand {
    /// Blocks until the command has ended. Its stderr is ours, so that its own words reach the operator.
    ///
    /// - Throws: ``VaultError/kekCommand(_:)``: it could not be started, failed, printed nothing or over 64 KiB, or did not end
    ///   in time; then it and what it started are killed.
    static func output(of command: String, within limit: Duration) throws -> SecretBytes {
        let deadline = ContinuousClock.now + limit
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", command]
        process.standardInput = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe
        let ended = DispatchSemaphore(value: 0)
        process.terminationHandler = { _ in ended.signal() }
        do {
            try process.run()
        } catch {
            throw VaultError.kekCommand("it cannot be started: \(error)")
        }
        do {
            let output = try read(pipe.fileHandleForReading.fileDescriptor, until: deadline)
            let rest = max(0, deadline.milliseconds)
            guard ended.wait(timeout: .now() + .milliseconds(rest)) == .success else { throw tooSlow(limit) }
            guard process.terminationStatus == 0 else {
                throw VaultError.kekCommand("it failed with status \(process.terminationStatus)")
            }
            guard output.count > 0 else { throw VaultError.kekCommand("it printed nothing") }
            return output
        } catch {
            // Foundation gives it a process group of its own, so that what it started goes too.
            if process.isRunning { kill(-process.processIdentifier, SIGKILL) }
            throw error
        }
    }

    private static func read(_ file: Int32, until deadline: ContinuousClock.Instant) throws -> SecretBytes {
        var filled = 0
        let buffer = try SecretBytes(count: PrivateFile.largest + 1) { buffer in
            while true {
                var event = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
                let ready = poll(&event, 1, Int32(max(0, deadline.milliseconds)))
                if ready < 0 && errno == EINTR { continue }
                guard ready > 0 else { throw VaultError.kekCommand("it did not end in time and was killed") }
                let count = Foundation.read(file, buffer.baseAddress?.advanced(by: filled), buffer.count - filled)
                guard count >= 0 else { throw VaultError.kekCommand(systemMessage(errno)) }
                guard count > 0 else { return }
                filled += count
                guard filled < buffer.count else { throw VaultError.kekCommand("it printed over 64 KiB") }
            }
        }
        return buffer.withBytes { SecretBytes(UnsafeRawBufferPointer(rebasing: $0[..<filled])) }
    }

    private static func tooSlow(_ limit: Duration) -> VaultError {
        .kekCommand("it did not end in \(limit) and was killed")
    }
}

extension ContinuousClock.Instant {
    /// How long from now; negative once it has passed.
    fileprivate var milliseconds: Int {
        let left = ContinuousClock.now.duration(to: self).components
        return Int(left.seconds) * 1000 + Int(left.attoseconds / 1_000_000_000_000_000)
    }
}
