import CLibpq
import Foundation
import Synchronization

/// A TCP relay in front of the tests' server, which can fail as networks do.
package final class Proxy: Sendable {
    package enum Mode: Sendable, Equatable {
        case relay
        /// Takes bytes and passes nothing on, as a path whose far end has vanished.
        case swallow
        /// Hangs up instead of giving the client the answer to bytes that hold this text.
        case cutAnswer(to: String)
    }

    package let port: UInt16
    private let listener: Int32
    private let target: [String: String]
    private let mode = Mutex(Mode.relay)
    private let open = Mutex<[Int32]>([])

    /// - Parameter url: Of the server behind.
    package init(to url: String) throws {
        target = try Proxy.parse(url)
        (listener, port) = try Proxy.listen()
        Thread.detachNewThread { [self] in accept() }
    }

    /// The server's URL, through the proxy.
    package var url: String {
        var components = URLComponents()
        components.scheme = "postgresql"
        components.host = "127.0.0.1"
        components.port = Int(port)
        components.user = target["user"]
        components.password = target["password"]
        components.path = "/" + (target["dbname"] ?? "")
        components.query = "sslmode=disable&gssencmode=disable"
        return components.string ?? ""
    }

    package func set(_ mode: Mode) {
        self.mode.withLock { $0 = mode }
    }

    package func close() {
        shutdown(listener, Int32(SHUT_RDWR))
        for socket in open.withLock(\.self) { shutdown(socket, Int32(SHUT_RDWR)) }
    }

    package static func listen() throws -> (socket: Int32, port: UInt16) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isListening = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && Glibc.listen(listener, 16) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isListening else { throw POSIXError(.EADDRNOTAVAIL) }
        return (listener, UInt16(bigEndian: address.sin_port))
    }

    private static func parse(_ url: String) throws -> [String: String] {
        guard let options = PQconninfoParse(url, nil) else { throw POSIXError(.EINVAL) }
        defer { PQconninfoFree(options) }
        var parsed: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            parsed[String(cString: keyword)] = option.pointee.val.map { String(cString: $0) }
            option += 1
        }
        return parsed
    }

    private func accept() {
        while true {
            let client = Glibc.accept(listener, nil, nil)
            guard client >= 0 else { break }
            guard let server = connect() else {
                Glibc.close(client)
                continue
            }
            open.withLock { $0 += [client, server] }
            let link = Link(client: client, server: server)
            Thread.detachNewThread { [self] in pump(from: client, to: server, link, isAnswer: false) }
            Thread.detachNewThread { [self] in pump(from: server, to: client, link, isAnswer: true) }
        }
        Glibc.close(listener)
    }

    private final class Link: Sendable {
        let client: Int32
        let server: Int32
        let isCut = Atomic(false)

        init(client: Int32, server: Int32) {
            self.client = client
            self.server = server
        }
    }

    /// The sockets stay open until the process ends: closing them here could close another's of the same number.
    private func pump(from source: Int32, to sink: Int32, _ link: Link, isAnswer: Bool) {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(source, &bytes, bytes.count)
            guard count > 0 else { break }
            switch mode.withLock(\.self) {
            case .relay: break
            case .swallow: continue
            case .cutAnswer(let text):
                if !isAnswer, String(decoding: bytes[..<count], as: UTF8.self).contains(text) {
                    link.isCut.store(true, ordering: .sequentiallyConsistent)
                }
            }
            if isAnswer, link.isCut.load(ordering: .sequentiallyConsistent) { break }
            guard bytes.withUnsafeBytes({ send(sink, $0.baseAddress, count, Int32(MSG_NOSIGNAL)) }) == count
            else { break }
        }
        shutdown(link.client, Int32(SHUT_RDWR))
        shutdown(link.server, Int32(SHUT_RDWR))
    }

    private func connect() -> Int32? {
        let host = target["host"] ?? "127.0.0.1"
        let port = target["port"] ?? "5432"
        return host.hasPrefix("/") ? connect(path: "\(host)/.s.PGSQL.\(port)") : connect(host, port)
    }

    private func connect(path: String) -> Int32? {
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        return isConnected ? server : nil
    }

    private func connect(_ host: String, _ port: String) -> Int32? {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, port, &hints, &found) == 0, let found else { return nil }
        defer { freeaddrinfo(found) }
        let server = socket(found.pointee.ai_family, found.pointee.ai_socktype, 0)
        return Glibc.connect(server, found.pointee.ai_addr, found.pointee.ai_addrlen) == 0 ? server : nil
    }
}
