import FactPulse
import Foundation

/// A client as the command line names it.
struct WebhookClient {
    let uid: ClientUID
    /// As the vault knows it.
    let uuid: UUID

    /// - Throws: ``Failure`` of wrong usage.
    init(_ text: String) throws {
        guard let uid = ClientUID(text), let uuid = UUID(uuidString: text) else {
            throw Failure(.usage, "'\(text)' is no uid: it looks like 0f8fad5b-d9cb-469f-a165-70867728950e")
        }
        self.uid = uid
        self.uuid = uuid
    }
}
