import Foundation

/// A PostgreSQL server, as far as a client can tell, that answers every connection with one error and hangs up.
package struct RefusingServer: Sendable {
    /// On 127.0.0.1.
    package let port: UInt16
    private let listener: Int32

    /// - Parameter code: The SQLSTATE it refuses with. `nil`: it never answers.
    package init(_ code: String?, words: String) throws {
        (listener, port) = try Self.listen()
        let listener = listener
        let refusal = code.map { Self.refusal($0, words) }
        Thread.detachNewThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { break }
                guard let refusal else { continue }
                var startup = [UInt8](repeating: 0, count: 4096)
                _ = read(client, &startup, startup.count)
                _ = refusal.withUnsafeBytes { send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                Glibc.close(client)
            }
        }
    }

    package func close() {
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private static func listen() throws -> (descriptor: Int32, port: UInt16) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) | Glibc.listen(descriptor, 64) | getsockname(descriptor, $0, &size)
            }
        }
        guard descriptor >= 0, result == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        return (descriptor, UInt16(bigEndian: address.sin_port))
    }

    private static func refusal(_ code: String, _ words: String) -> [UInt8] {
        var body: [UInt8] = []
        for field in ["SFATAL", "VFATAL", "C\(code)", "M\(words)", "Ffile.c", "L1", "Rplace"] {
            body += Array(field.utf8) + [0]
        }
        body.append(0)
        let length = withUnsafeBytes(of: UInt32(body.count + 4).bigEndian) { Array($0) }
        return [UInt8(ascii: "E")] + length + body
    }
}
