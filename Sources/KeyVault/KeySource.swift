import Foundation

/// Where the KEKs come from. Read again whenever a text names a KEK that is not known yet, so that a change of KEK needs
/// no restart.
package enum KeySource: Sendable {
    /// A file that nobody but its owner and its group can read, and that belongs to root or to us.
    case file(String)
    /// A shell command that prints the same, within 10 seconds: `aws kms decrypt …`, for example.
    case command(String)

    /// Reads the keys, on a thread of its own.
    /// - Throws: ``VaultError``, which says what to mend and shows nothing of what was read.
    package func load() async throws -> KeyRing {
        try await BlockingThread.run {
            switch self {
            case .file(let path): try KeyRing(contents: PrivateFile.read(path))
            case .command(let command): try KeyRing(contents: KeyCommand.output(of: command, within: .seconds(10)))
            }
        }
    }
}
