import Foundation
import HTTPTypes

/// One request to an operation, read off the wire.
struct Call: Sendable {
    let operation: SandboxOperation
    /// The path's `{uid}`, as sent.
    let uid: String?
    let query: [String: String]
    let headers: HTTPFields
    let body: Data
}
