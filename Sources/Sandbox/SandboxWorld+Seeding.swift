import Foundation

/// A client as the ledger's client list shows it, and as tests hand it in.
package struct SandboxClient: Codable, Sendable, Hashable {
    /// On the way in: the client's, where it is a UUID that is not taken; else it gets a new one.
    package var uid: String
    package var name: String
    package var siret: String?
    package var description: String?
    package var isActive: Bool
    /// These three are ignored on the way in.
    package var hasConfigPdp = false
    package var keyFingerprint: String?
    package var chorusKeyFingerprints: [String] = []

    package init(
        uid: String = "",
        name: String,
        siret: String? = nil,
        description: String? = nil,
        isActive: Bool = true
    ) {
        self.uid = uid
        self.name = name
        self.siret = siret
        self.description = description
        self.isActive = isActive
    }
}

extension SandboxWorld {
    /// Adds clients without requests and without entries in the ledger's effects.
    /// - Returns: Their uids, in the order given.
    @discardableResult
    package func seedClients(_ clients: [SandboxClient]) -> [UUID] {
        clients.map { given in
            var client = insert(
                uid: UUID(uuidString: given.uid),
                name: given.name,
                siret: given.siret,
                description: given.description
            )
            client.isActive = given.isActive
            store(client)
            return client.uid
        }
    }

    /// Adds numbered clients, each with a SIRET of its own that satisfies the checksum.
    @discardableResult
    package func seedClients(_ count: Int) -> [UUID] {
        let first = order.count + 1
        return seedClients(
            (first..<first + max(0, count)).map { SandboxClient(name: "Client \($0)", siret: Self.siret($0)) }
        )
    }

    /// Every client, in the order of creation.
    package func clients() -> [SandboxClient] {
        order.compactMap { records[$0] }.map { record in
            var client = SandboxClient(
                name: record.name,
                siret: record.siret,
                description: record.description,
                isActive: record.isActive
            )
            client.uid = record.uidText
            client.hasConfigPdp = record.pdp != nil
            client.keyFingerprint = record.pdp?.secret.keyFingerprint
            client.chorusKeyFingerprints = record.chorus.compactMap(\.keyFingerprint)
            return client
        }
    }

    /// The n-th of a series of SIRETs whose SIREN and whole number both satisfy the checksum.
    package static func siret(_ number: Int) -> String {
        let siren = withCheckDigit(String(10_000_000 + number))
        return withCheckDigit(siren + "0001")
    }

    private static func withCheckDigit(_ digits: String) -> String {
        let sum = digits.reversed().enumerated().reduce(0) { sum, entry in
            let digit = entry.element.wholeNumberValue ?? 0
            guard entry.offset.isMultiple(of: 2) else { return sum + digit }
            return sum + (digit > 4 ? digit * 2 - 9 : digit * 2)
        }
        return digits + String((10 - sum % 10) % 10)
    }
}
