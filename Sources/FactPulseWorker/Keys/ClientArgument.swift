import Foundation

/// A client's uid on the command line.
enum ClientArgument {
    /// - Throws: ``Failure`` of wrong usage.
    static func read(_ text: String) throws -> UUID {
        guard text.utf8.count == 36, let uid = UUID(uuidString: text) else {
            throw Failure(
                .usage,
                "\"\(text)\" is no client's uid: write the UUID that factpulse-worker bulk-runs rows shows"
            )
        }
        return uid
    }
}
