import Crypto
import Foundation

/// Moves secrets in double mode from one key to another.
struct Rotation {
    let old: CustomerKey
    let new: CustomerKey
    let server: SymmetricKey
    private(set) var secrets = ClientRecord.Secrets(pdp: nil, chorus: [])
    /// By name: those under the new key now, those that the old key does not open, those left alone.
    private(set) var turned: [String] = []
    private(set) var unopened: [String] = []
    private(set) var spared: [String] = []

    init(from old: CustomerKey, to new: CustomerKey, server: SymmetricKey) {
        self.old = old
        self.new = new
        self.server = server
    }

    var count: Int { turned.count + unopened.count + spared.count }

    mutating func turn(_ given: ClientRecord.Secrets, sparingLast: Bool) throws {
        secrets = given
        let isDouble = ([given.pdp] + given.chorus).map { $0?.mode == .double }
        let last = sparingLast ? isDouble.lastIndex(of: true) : nil
        if let pdp = given.pdp { secrets.pdp = try turned(pdp, "pdp", isSpared: last == 0) }
        for (index, secret) in given.chorus.enumerated() {
            secrets.chorus[index] = try turned(secret, "chorus \(index + 1)", isSpared: last == index + 1)
        }
    }

    private mutating func turned(_ secret: StoredSecret, _ name: String, isSpared: Bool) throws -> StoredSecret {
        guard secret.mode == .double else { return secret }
        if isSpared {
            spared.append(name)
            return secret
        }
        guard let plain = secret.open(old, server: server) else {
            unopened.append(name)
            return secret
        }
        turned.append(name)
        return try StoredSecret(plain, key: new, server: server)
    }
}
