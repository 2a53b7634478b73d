import Foundation

/// One secret in the escrow file: one line of JSON. It is sealed, so the file is worth nothing without the KEK.
package struct EscrowLine: Sendable, Hashable {
    /// Part of what the text is bound to: without it a line could not be opened once the database is gone.
    package let deployment: UUID
    package let name: SecretName
    package let fingerprint: Fingerprint
    package let sealed: SealedText
    /// When this machine wrote the line. For people only; nothing is decided by it.
    package var writtenAt = Date.now
}

extension EscrowLine {
    private struct Wire: Codable {
        var at: String
        var client: UUID
        var deployment: UUID
        var fingerprint: String
        var purpose: Purpose
        var sealed: String
        var version: Int
    }

    /// The line with its line feed.
    func encoded() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let wire = Wire(
            at: writtenAt.formatted(.iso8601),
            client: name.client,
            deployment: deployment,
            fingerprint: fingerprint.text,
            purpose: name.purpose,
            sealed: sealed.text,
            version: name.version
        )
        return try encoder.encode(wire) + [UInt8(ascii: "\n")]
    }

    /// - Returns: `nil` when the bytes are not such a line: a writer that died left a part of one, or the file was changed.
    init?(_ bytes: some DataProtocol) {
        // Failure is the answer here; the decoder's own words would quote the line.
        guard let wire = try? JSONDecoder().decode(Wire.self, from: Data(bytes)), wire.version > 0,
            let fingerprint = Fingerprint(wire.fingerprint), let sealed = SealedText(wire.sealed),
            let writtenAt = try? Date(wire.at, strategy: .iso8601)
        else { return nil }
        deployment = wire.deployment
        name = SecretName(wire.purpose, of: wire.client, version: wire.version)
        self.fingerprint = fingerprint
        self.sealed = sealed
        self.writtenAt = writtenAt
    }
}

extension EscrowLine {
    init(_ secret: SealedSecret, in deployment: UUID) {
        self.deployment = deployment
        name = secret.name
        fingerprint = secret.fingerprint
        sealed = secret.sealed
    }
}
