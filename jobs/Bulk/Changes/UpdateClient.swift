import FactPulse
import Foundation

/// Changes a client's name, SIRET and description.
///
/// The same change twice is one change, but a repetition may overwrite what a person wrote in between: so a lost answer
/// is settled by reading the client.
struct UpdateClient: ClientChange {
    func prepare(_ row: ChangeRow, _ client: ClientAPI) -> Preparation {
        let request = Self.request(row)
        return .send(
            PreparedCall(baseline: row.baseline) { client, admission in
                let missing = request.missing(in: try await client.update(request, admission: admission))
                return missing.isEmpty ? .done : .notApplied("not as asked for: \(missing.joined(separator: ", "))")
            }
        )
    }

    func settle(_ row: ChangeRow, _ client: ClientAPI) async throws -> Settled {
        let found = try await client.get()
        let isSo = Self.request(row).missing(in: found).isEmpty
        return Settled(isSo: isSo, updatedAt: found.updatedAt, baseline: row.baseline)
    }

    private static func request(_ row: ChangeRow) -> ClientUpdateRequest {
        func patch(_ field: String) -> Patch<String> {
            guard let value = row.fields[field] else { return .keep }
            return value.map { .set($0) } ?? .clear
        }
        return ClientUpdateRequest(name: patch("name"), description: patch("description"), siret: patch("siret"))
    }
}

extension ClientUpdateRequest {
    /// The members that a client does not have as this request asks for. White space and the form of accents do not count:
    /// a server may tidy them.
    fileprivate func missing(in client: ClientDetail) -> [String] {
        [("name", name, client.name), ("description", description, client.description), ("siret", siret, client.siret)]
            .compactMap { member, patch, value in
                switch patch {
                case .keep: nil
                case .clear: (value ?? "").isEmpty ? nil : member
                case .set(let wanted): Self.tidy(wanted) == Self.tidy(value ?? "") ? nil : member
                }
            }
    }

    private static func tidy(_ text: String) -> [Substring] {
        text.precomposedStringWithCanonicalMapping.split(whereSeparator: \.isWhitespace)
    }
}
