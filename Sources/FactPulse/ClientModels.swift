import Foundation

/// A new client of the account.
package struct ClientCreateRequest: Sendable, Equatable, Encodable {
    /// 1 to 255 characters.
    package var name: String
    /// At most 1000 characters.
    package var description: String?
    /// 14 digits, without spaces.
    package var siret: String?

    package init(name: String, description: String? = nil, siret: String? = nil) {
        self.name = name
        self.description = description
        self.siret = siret
    }
}

/// A change of some members of a client; the others stay as they are.
package struct ClientUpdateRequest: Sendable, Equatable, Encodable {
    package var name: Patch<String>
    package var description: Patch<String>
    package var siret: Patch<String>

    package init(
        name: Patch<String> = .keep,
        description: Patch<String> = .keep,
        siret: Patch<String> = .keep
    ) {
        self.name = name
        self.description = description
        self.siret = siret
    }

    private enum CodingKeys: String, CodingKey {
        case name, description, siret
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(name, forKey: .name)
        try container.encode(description, forKey: .description)
        try container.encode(siret, forKey: .siret)
    }
}

/// A client as the server knows it.
package struct ClientDetail: Sendable, Equatable, Decodable {
    package var uid: ClientUID
    package var name: String
    package var siret: String?
    package var description: String?
    package var isActive: Bool
    package var hasConfigPdp: Bool
    package var pdpIsActive: Bool?
    package var pdpIsMock: Bool?
    package var hasConfigChorus: Bool
    package var createdAt: Date
    package var updatedAt: Date
}

/// A client in a list: the same members.
package typealias ClientSummary = ClientDetail

/// One page of the account's clients.
package struct ClientListResponse: Sendable, Equatable, Decodable {
    package var results: [ClientSummary]
    /// How many clients the account has.
    package var total: Int
    package var page: Int
    /// The size that the server used, which may be smaller than the one asked for.
    package var pageSize: Int

    /// Whether no page follows. Offsets shift while clients are created: a sweep must count and compare.
    package var isLast: Bool {
        let (seen, isHuge) = page.multipliedReportingOverflow(by: max(pageSize, 1))
        return results.isEmpty || isHuge || seen >= total
    }
}

/// The answer to activate and deactivate.
package struct ClientActivateResponse: Sendable, Equatable, Decodable {
    package var uid: ClientUID
    /// The new state.
    package var isActive: Bool
    package var message: String
}
