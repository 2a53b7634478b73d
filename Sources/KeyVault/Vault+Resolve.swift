import Foundation
import Postgres

extension Vault {
    package enum Resolved: Sendable, Equatable {
        case done
        /// No rotation of the client waits for a person.
        case nothingToResolve
        /// The vault does not have this version; it has these.
        case unknownVersion(known: [Int])
    }

    /// A person says under which version every secret of a client is: where a rotation waits for one. The other keys are
    /// kept, retired: if the person was wrong, the next rotation tries them.
    ///
    /// - Throws: ``RotationOver`` when a worker has taken the rotation up meanwhile.
    package func resolve(_ client: UUID, live version: Int, actor: String, reason: String) async throws -> Resolved {
        try await database.transaction { transaction in
            guard var rotation = try await rotation(of: client, in: transaction),
                rotation.attempt != nil, rotation.rules.end?.needsPerson == true
            else { return .nothingToResolve }
            guard rotation.keys[version] != nil else { return .unknownVersion(known: rotation.keys.keys.sorted()) }
            rotation.rules.resolve(live: version)
            let entry = AuditEntry(actor: actor, action: "resolve", outcome: "version \(version)", reason: reason)
            try await save(&rotation, audit: entry, in: transaction)
            return .done
        }
    }
}
