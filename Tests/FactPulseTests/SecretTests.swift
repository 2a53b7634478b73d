import Foundation
import Testing

@testable import FactPulse

struct SecretTests {
    @Test func `a secret and a key cannot print themselves in any way`() throws {
        struct Holder {
            let secret = Secret("hunter2-hunter2")
            let key = EncryptionKey(bytes: Array(repeating: 65, count: 32))!
        }
        let holder = Holder()
        var dumped = ""
        dump(holder, to: &dumped)
        for text in ["\(holder)", String(reflecting: holder), dumped, holder.secret.description, "\([holder.key])"] {
            #expect(!text.contains("hunter2") && !text.contains("65, 65") && !text.contains("QUFB"), "\(text)")
        }
        #expect((holder.secret as Any) is any Encodable == false)
        #expect((holder.key as Any) is any Encodable == false)
    }

    @Test(arguments: [31, 32, 33, 30, 0]) func `a key is 32 bytes, whatever its text's length`(count: Int) {
        let base64 = Data(repeating: 7, count: count).base64EncodedString()
        #expect((EncryptionKey(base64: base64) != nil) == (count == 32))
    }

    @Test func `a key goes over the wire as padded standard base64`() throws {
        let key = try #require(EncryptionKey(bytes: Array(repeating: 0xFB, count: 32)))
        #expect(key.base64.reveal.count == 44)
        #expect(key.base64.reveal.hasPrefix("+/v7"))
        #expect(EncryptionKey(base64: key.base64.reveal) == key)
    }

    @Test(arguments: [
        ("0B7D6E1C-3A52-4D9E-9C55-1F2A3B4C5D6E", true), ("0b7d6e1c3a524d9e9c551f2a3b4c5d6e", false), ("", false),
        ("../../../../../../../../../../etc/pas", false), ("0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6g", false),
        ("{0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6}", false),
    ]) func `only a UUID is a client's uid, in one canonical form`(text: String, isValid: Bool) {
        #expect(ClientUID(text)?.text == (isValid ? "0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e" : nil))
    }

    @Test(arguments: [
        ("whole kX9/vQ+72bTz=plain end", "whole <redacted> end"), ("cut kX9/vQ+72 end", "cut <redacted> end"),
        (#"json kX9\/vQ+72bTz=plain"#, "json <redacted>"), ("url kX9%2FvQ%2B72bTz%3Dplain", "url <redacted>"),
        ("lower case kX9/vQ%2b72bTz%3dplain", "lower case <redacted>"),
        ("base64url kX9_vQ-72bTz=plain", "base64url <redacted>"),
        ("tail 72bTz=plain", "tail <redacted>"),
        ("twice kX9/vQ+72bTz=plainkX9/vQ+72bTz=plain", "twice <redacted><redacted>"),
        ("short piece kX9/vQ+", "short piece kX9/vQ+"), ("", ""), ("pin 1234 here", "pin <redacted> here"),
    ]) func `a secret is found whole, cut and escaped`(text: String, clean: String) {
        #expect(Scrubber([Secret("kX9/vQ+72bTz=plain"), Secret("1234"), Secret("")]).clean(text) == clean)
    }
}
