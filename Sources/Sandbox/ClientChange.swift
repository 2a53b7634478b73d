import Foundation

/// One thing that happens to the list of clients behind the API's back.
struct ClientChange: Sendable {
    enum Kind: Sendable { case create, rename, toggle, remove }

    let kind: Kind
    let pick: FaultRule.Pick
    /// Which client, where `pick` is random.
    let number: UInt64

    /// As many of each kind as a `change` rule says: creations last, so that it is older clients that change.
    static func all(of rule: FaultRule, _ generator: SplitMix64) -> [ClientChange] {
        var generator = generator
        return counts(of: rule).flatMap { kind, count in
            (0..<count).map { _ in ClientChange(kind: kind, pick: rule.pick, number: generator.next()) }
        }
    }

    /// One, of a kind as likely as a `churn` rule's counts make it.
    static func random(of rule: FaultRule, _ generator: SplitMix64) -> ClientChange {
        var generator = generator
        let given = counts(of: rule)
        let weights = given.allSatisfy { $0.1 == 0 } ? given.map { ($0.0, 1) } : given
        var draw = Int.random(in: 0..<weights.reduce(0) { $0 + $1.1 }, using: &generator)
        let kind = weights.first { _, weight in
            draw -= weight
            return draw < 0
        }
        return ClientChange(kind: kind?.0 ?? .rename, pick: rule.pick, number: generator.next())
    }

    private static func counts(of rule: FaultRule) -> [(Kind, Int)] {
        [(.remove, rule.removes), (.toggle, rule.toggles), (.rename, rule.renames), (.create, rule.creates)]
    }
}

extension SandboxWorld {
    func make(_ change: ClientChange) {
        changesMade += 1
        guard change.kind != .create else {
            // Far beyond the numbers of seeded clients.
            insert(name: "Newcomer \(changesMade)", siret: Self.siret(50_000_000 + changesMade))
            return
        }
        guard var client = picked(change) else { return }
        switch change.kind {
        case .create: return
        case .remove:
            _ = removeClient(client.uid)
            return
        case .rename: client.name = "Renamed \(changesMade)"
        case .toggle: client.isActive.toggle()
        }
        client.updatedAt = tick()
        store(client)
    }

    private func picked(_ change: ClientChange) -> ClientRecord? {
        guard !order.isEmpty else { return nil }
        let index =
            switch change.pick {
            case .first: 0
            case .last: order.count - 1
            case .random: Int(change.number % UInt64(order.count))
            }
        return records[order[index]]
    }
}
