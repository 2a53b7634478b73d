import Foundation
import Testing

@testable import KeyVault

struct SealTests {
    private let kek: KeyEncryptionKey
    private let deployment = UUID()
    private let client = UUID()
    private let secret = SecretBytes.randomKey()

    init() throws {
        kek = try KeyEncryptionKey(.randomKey())
    }

    private var name: SecretName { SecretName(.clientKey, of: client, version: 3) }

    @Test func `a sealed text has the agreed form and opens to what was sealed`() throws {
        let sealed = try kek.seal(secret, boundTo: name.boundData(in: deployment))
        #expect(sealed.text.hasPrefix("fpk1:\(kek.id):"))
        let box = try #require(Data(base64Encoded: String(sealed.text.split(separator: ":")[2])))
        #expect(box.count == 12 + 32 + 16)
        let read = try #require(SealedText(sealed.text))
        #expect(try kek.open(read, boundTo: name.boundData(in: deployment)) == secret)
        let bound = String(decoding: name.boundData(in: deployment), as: UTF8.self)
        #expect(bound == "fpk1|\(deployment.lowercased)|client-key|\(client.lowercased)|3")
        // A nonce that came twice would give the key away.
        #expect(try kek.seal(secret, boundTo: name.boundData(in: deployment)) != sealed)
    }

    @Test func `a text of another row, version, purpose or deployment does not open`() throws {
        let sealed = try kek.seal(secret, boundTo: name.boundData(in: deployment))
        let others = [
            SecretName(.clientKey, of: UUID(), version: 3).boundData(in: deployment),
            SecretName(.clientKey, of: client, version: 4).boundData(in: deployment),
            SecretName(.webhookSecret, of: client, version: 3).boundData(in: deployment),
            name.boundData(in: UUID()),
        ]
        for other in others {
            #expect(throws: (any Error).self) { try kek.open(sealed, boundTo: other) }
        }
    }

    @Test func `a changed byte anywhere in a sealed text is noticed`() throws {
        let sealed = try kek.seal(secret, boundTo: name.boundData(in: deployment))
        for index in sealed.box.indices {
            var box = sealed.box
            box[index] ^= 1
            let changed = SealedText(kek: kek.id, box: box)
            #expect(throws: (any Error).self) { try kek.open(changed, boundTo: name.boundData(in: deployment)) }
        }
        let other = try KeyEncryptionKey(.randomKey())
        #expect(throws: (any Error).self) { try other.open(sealed, boundTo: name.boundData(in: deployment)) }
    }

    @Test(arguments: [
        "", "fpk1", "fpk1::", "fpk1:0123abcd:", "fpk2:0123abcd:\(String(repeating: "A", count: 80))",
        "fpk1:0123ABCD:\(String(repeating: "A", count: 80))", "fpk1:0123abcd:!!!!", "fpk1:0123abcd:QUJD",
    ]) func `what is no sealed text is not read as one`(text: String) {
        #expect(SealedText(text) == nil)
    }

    @Test func `a fingerprint tells keys apart, and is another one in another deployment`() throws {
        let (one, two) = (SecretBytes.randomKey(), SecretBytes.randomKey())
        let print = Fingerprint(of: secret, under: one)
        #expect(print.text.wholeMatch(of: /kfp_[0-9a-f]{16}/) != nil)
        #expect(Fingerprint(of: secret, under: one) == print)
        #expect(Fingerprint(of: secret, under: two) != print)
        #expect(Fingerprint(of: .randomKey(), under: one) != print)
    }

    @Test func `the id of a KEK is its own, whatever file it stands in`() throws {
        let bytes = SecretBytes.randomKey()
        #expect(try KeyEncryptionKey(bytes).id == KeyEncryptionKey(SecretBytes(bytes.array)).id)
        #expect(try KeyEncryptionKey(.randomKey()).id != KeyEncryptionKey(bytes).id)
    }
}
