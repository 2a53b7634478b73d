import Foundation
import Glibc
import Synchronization

/// What a stub does on a connection once it has read a request.
enum StubAction: Sendable {
    case send(String)
    /// One byte at a time, with a pause after each.
    case trickle(String, pause: Duration)
    /// Blocks until the test opens the latch.
    case wait(Latch)
    /// FIN.
    case close
    /// RST.
    case reset
    /// Says nothing until the client or the test goes away.
    case hang

    /// A whole answer with a right length.
    static func answer(
        _ status: Int,
        _ body: String = "",
        headers: [String] = [],
        type: String = "application/json"
    ) -> [StubAction] {
        let lines =
            ["HTTP/1.1 \(status) Stub", "Content-Type: \(type)", "Content-Length: \(body.utf8.count)"] + headers
        return [.send(lines.joined(separator: "\r\n") + "\r\n\r\n" + body)]
    }
}

/// Opened once, by the test; a stub's thread may block on it.
final class Latch: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    func open() { semaphore.signal() }
    func pass() {
        semaphore.wait()
        semaphore.signal()
    }
}

struct StubRequest: Sendable {
    let method: String
    let path: String
    /// Names in lower case.
    let headers: [String: String]
    let body: String
    /// Which connection brought it, from 0.
    let connection: Int

    /// The members of a JSON body.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.utf8))) as? [String: Any] ?? [:]
    }
}

/// An HTTP server of plain sockets and threads, which can answer any bytes and fail at any point.
final class StubServer: Sendable {
    typealias Handler = @Sendable (StubRequest) -> [StubAction]

    private struct State {
        var requests: [StubRequest] = []
        var sockets: Set<Int32> = []
        var connections = 0
        var isStopped = false
    }

    private let listener: Int32
    let port: UInt16
    private let state = Mutex(State())
    private let handler: Handler
    /// Every request as it arrives, after it was read whole.
    let arrivals: AsyncStream<StubRequest>
    private let arrival: AsyncStream<StubRequest>.Continuation

    var url: String { "http://127.0.0.1:\(port)" }
    var requests: [StubRequest] { state.withLock { $0.requests } }

    /// Requests other than those for a token.
    var calls: [StubRequest] { requests.filter { !$0.path.hasPrefix("/api/token/") } }
    var logins: [StubRequest] { requests.filter { $0.path == "/api/token/" } }
    var connections: Int { state.withLock { $0.connections } }

    init(_ handler: @escaping Handler) throws {
        self.handler = handler
        (arrivals, arrival) = AsyncStream.makeStream(of: StubRequest.self)
        (listener, port) = try Self.listen(backlog: 128)
        let thread = Thread { [self] in acceptAll() }
        thread.start()
    }

    /// A listening socket on a free loopback port.
    static func listen(backlog: Int32) throws -> (Int32, UInt16) {
        let (socket, port) = try bind()
        guard Glibc.listen(socket, backlog) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        return (socket, port)
    }

    /// A socket that holds a free loopback port without listening.
    static func bind() throws -> (Int32, UInt16) {
        let socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                Glibc.bind(socket, pointer, length) | getsockname(socket, pointer, &length)
            }
        }
        guard result == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        return (socket, UInt16(bigEndian: address.sin_port))
    }

    func stop() {
        let sockets: Set<Int32>? = state.withLock { state in
            guard !state.isStopped else { return nil }
            state.isStopped = true
            return state.sockets
        }
        guard let sockets else { return }
        for socket in sockets { shutdown(socket, Int32(SHUT_RDWR)) }
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        arrival.finish()
    }

    private func acceptAll() {
        while true {
            let socket = accept(listener, nil, nil)
            guard socket >= 0 else { return }
            let number: Int? = state.withLock { state in
                guard !state.isStopped else { return nil }
                state.sockets.insert(socket)
                state.connections += 1
                return state.connections - 1
            }
            guard let number else {
                close(socket)
                return
            }
            Thread { [self] in serve(socket, number) }.start()
        }
    }

    private func serve(_ socket: Int32, _ number: Int) {
        defer {
            state.withLock { _ = $0.sockets.remove(socket) }
            close(socket)
        }
        while let request = read(socket, number) {
            state.withLock { $0.requests.append(request) }
            arrival.yield(request)
            for action in handler(request) {
                guard perform(action, socket) else { return }
            }
        }
    }

    /// - Returns: Whether the connection goes on.
    private func perform(_ action: StubAction, _ socket: Int32) -> Bool {
        switch action {
        case .send(let text):
            return write(socket, Array(text.utf8))
        case .trickle(let text, let pause):
            for byte in text.utf8 {
                guard write(socket, [byte]) else { return false }
                Thread.sleep(forTimeInterval: pause / .seconds(1))
            }
            return true
        case .wait(let latch):
            latch.pass()
            return true
        case .close:
            return false
        case .reset:
            var linger = linger(l_onoff: 1, l_linger: 0)
            setsockopt(socket, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<linger>.size))
            return false
        case .hang:
            var byte: UInt8 = 0
            while recv(socket, &byte, 1, 0) > 0 {}
            return false
        }
    }

    private func write(_ socket: Int32, _ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    private func read(_ socket: Int32, _ number: Int) -> StubRequest? {
        var data: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            if let request = parse(data, number) { return request }
            let count = recv(socket, &chunk, chunk.count, 0)
            guard count > 0 else { return nil }
            data += chunk[..<count]
        }
    }

    private func parse(_ data: [UInt8], _ number: Int) -> StubRequest? {
        let text = String(decoding: data, as: UTF8.self)
        guard let end = text.range(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ")
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            let value = line[line.index(after: colon)...]
            headers[line[..<colon].lowercased()] = value.trimmingCharacters(in: .whitespaces)
        }
        let body = String(text[end.upperBound...])
        guard body.utf8.count >= Int(headers["content-length"] ?? "0") ?? 0 else { return nil }
        return StubRequest(
            method: String(words[0]),
            path: String(words[1]),
            headers: headers,
            body: body,
            connection: number
        )
    }
}
