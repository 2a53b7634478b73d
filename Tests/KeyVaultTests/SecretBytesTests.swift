import Foundation
import Testing

@testable import KeyVault

struct SecretBytesTests {
    @Test func `secret bytes cannot print themselves in any way`() throws {
        struct Holder {
            let secret = SecretBytes(Array("hunter2-hunter2-hunter2".utf8))
            let kek = try? KeyEncryptionKey(SecretBytes(Array(65...96)))
        }
        let holder = Holder()
        var dumped = ""
        dump(holder, to: &dumped)
        let mirrored = Mirror(reflecting: holder.secret).children.map { "\($0)" }.joined()
        for text in [
            "\(holder)", String(reflecting: holder), dumped, holder.secret.description, "\([holder.secret])", mirrored,
        ] {
            #expect(!text.contains("hunter2") && !text.contains("65, 66") && !text.contains("104, 117"), "\(text)")
        }
        #expect(holder.kek != nil && Mirror(reflecting: holder.secret).children.isEmpty)
        #expect((holder.secret as Any) is any Encodable == false)
    }

    @Test func `secret bytes are equal by their bytes alone`() {
        #expect(SecretBytes([1, 2, 3]) == SecretBytes([1, 2, 3]))
        #expect(SecretBytes([1, 2, 3]) != SecretBytes([1, 2, 4]))
        #expect(SecretBytes([1, 2, 3]) != SecretBytes([1, 2]))
        #expect(SecretBytes.randomKey() != SecretBytes.randomKey())
        #expect(SecretBytes.randomKey().count == 32)
    }

    #if os(Linux)
        /// Reads our own memory as a debugger would: whatever stands there by now, it is not the secret.
        @Test func `the memory of a secret is zeroed when its last copy goes`() throws {
            let pattern: [UInt8] = (0..<4096).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ 3) }
            var copies = [SecretBytes(pattern)]
            copies.append(copies[0])
            let address = copies[0].withBytes { UInt(bitPattern: $0.baseAddress) } + 1024
            copies.removeLast()
            #expect(try memory(at: address, count: 64) == Array(pattern[1024..<1088]))
            copies.removeLast()
            #expect(try memory(at: address, count: 64) != Array(pattern[1024..<1088]))
        }

        private func memory(at address: UInt, count: Int) throws -> [UInt8] {
            let file = open("/proc/self/mem", O_RDONLY)
            try #require(file >= 0)
            defer { close(file) }
            var bytes = [UInt8](repeating: 0, count: count)
            try #require(pread(file, &bytes, count, off_t(address)) == count)
            return bytes
        }
    #endif
}
