import FactPulse
import Foundation
import Glibc
import Testing

/// How far a request got when its connection failed, for each kind of request.
struct BrokenConnectionTests {
    /// With a body, without one, and reading.
    static let kinds: [FactPulse.Operation] = [.createClient, .generateWebhookSecret, .getClient]

    private func outcome(_ operation: FactPulse.Operation, _ client: FactPulseClient) async -> Outcome? {
        await failure { () async throws(FactPulseError) in try await perform(operation, on: client) }?.outcome
    }

    @Test(arguments: kinds) func `a refused connection is not sent`(operation: FactPulse.Operation) async throws {
        // Bound but not listening: nobody else can be given the port meanwhile.
        let (socket, port) = try StubServer.bind()
        defer { close(socket) }
        try await withClient("http://127.0.0.1:\(port)") { client in
            #expect(await outcome(operation, client) == .notSent(.unreachable))
        }
    }

    @Test(arguments: kinds) func `a name that does not exist is not sent`(operation: FactPulse.Operation) async throws {
        try await withClient("http://no-such-host.invalid") { client in
            let outcome = await outcome(operation, client)
            // Without any name server the lookup runs into the connect timeout.
            #expect([.notSent(.unreachable), .notSent(.connectTimeout)].contains(outcome))
        }
    }

    @Test(arguments: kinds) func `a server that does not take the connection is a connect timeout`(
        operation: FactPulse.Operation
    ) async throws {
        // A queue for one connection, and nobody who accepts: the kernel drops what comes after.
        let (socket, port) = try StubServer.listen(backlog: 0)
        let fillers = (0..<4).map { _ in fill(port) }
        defer { for filler in fillers + [socket] { close(filler) } }
        let begin = ContinuousClock.now
        try await withClient(
            "http://127.0.0.1:\(port)",
            configure: { $0.connectTimeout = .milliseconds(300) }
        ) { client in
            #expect(await outcome(operation, client) == .notSent(.connectTimeout))
        }
        #expect(ContinuousClock.now - begin < .seconds(60))
    }

    private func fill(_ port: UInt16) -> Int32 {
        let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        address.sin_port = port.bigEndian
        withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                _ = connect(socket, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        return socket
    }

    @Test(arguments: kinds) func `a server that cannot speak TLS is not sent`(
        operation: FactPulse.Operation
    ) async throws {
        let (listener, port) = try StubServer.listen(backlog: 8)
        let answering = Thread {
            let peer = accept(listener, nil, nil)
            var bytes = [UInt8](repeating: 0, count: 4096)
            _ = recv(peer, &bytes, bytes.count, 0)
            _ = send(peer, "HTTP/1.1 400 Bad Request\r\n\r\n", 28, Int32(MSG_NOSIGNAL))
            close(peer)
        }
        answering.start()
        defer { close(listener) }
        try await withClient("https://127.0.0.1:\(port)") { client in
            #expect(await outcome(operation, client) == .notSent(.unreachable))
        }
    }

    static let cuts: [(String, [StubAction])] = [
        ("closed before the head", [.close]),
        ("reset before the head", [.reset]),
        ("closed in the head", [.send("HTTP/1.1 201 Crea"), .close]),
        ("reset in the head", [.send("HTTP/1.1 201 Created\r\nContent-"), .reset]),
        ("closed in the body", [.send("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"uid\":"), .close]),
        ("reset in the body", [.send("HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{\"uid\":"), .reset]),
        (
            "closed in a chunk",
            [.send("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{\"uid\":"), .close]
        ),
        ("not HTTP at all", [.send("SSH-2.0-OpenSSH_9.2\r\n"), .close]),
    ]

    @Test(
        arguments: calls,
        cuts
    ) func `a connection that breaks after the request is uncertain, and nothing is sent again`(
        operation: FactPulse.Operation,
        cut: (String, [StubAction])
    ) async throws {
        try await withStub({ _ in cut.1 }) { client, server in
            #expect(await outcome(operation, client) == .uncertain(.connectionLost), "\(cut.0)")
            #expect(server.requests.count == 1)
        }
    }

    @Test(
        arguments: kinds
    ) func `a kept connection that the server closes under a second request is uncertain, and not sent again`(
        operation: FactPulse.Operation
    ) async throws {
        for _ in 0..<5 {
            let count = Counter()
            let handler: StubServer.Handler = { _ in
                count.next() == 1 ? StubAction.answer(200, goodBody(.getClient)) : [.reset]
            }
            let connections = try await withStub(handler, configure: { $0.maximumConnections = 1 }) { client, server in
                _ = try await client.client(uid).get()
                #expect(await outcome(operation, client) == .uncertain(.connectionLost))
                return server.requests.map(\.connection)
            }
            #expect(connections.count == 2)
            if connections == [0, 0] { return }
            // On a busy machine the second request may come when the kept connection is too old to be used.
        }
        Issue.record("no second request used the kept connection")
    }

    @Test func `a status that came is kept although its body broke`() async throws {
        let cut = "HTTP/1.1 403 Forbidden\r\nContent-Length: 500\r\n\r\n{"
        try await withStub({ _ in [.send(cut), .reset] }) { client, _ in
            #expect(await outcome(.createClient, client) == .refused(status: 403))
        }
    }

    @Test(arguments: kinds) func `a server that says nothing is a timeout of the whole exchange, and uncertain`(
        operation: FactPulse.Operation
    ) async throws {
        try await withStub({ _ in [.hang] }, configure: { $0.requestTimeout = .seconds(1) }) { client, server in
            let outcome = await outcome(operation, client)
            #expect(outcome == .uncertain(.timeout))
            guard outcome == .uncertain(.timeout) else { return }
            for await _ in server.arrivals { break }
            #expect(server.requests.count == 1)
        }
    }

    @Test func `a body that only trickles does not outlive the timeout`() async throws {
        let slow: [StubAction] = [
            .send("HTTP/1.1 201 Created\r\nContent-Length: 100000\r\n\r\n"),
            .trickle(String(repeating: " ", count: 100_000), pause: .milliseconds(5)),
        ]
        let begin = ContinuousClock.now
        try await withStub({ _ in slow }, configure: { $0.requestTimeout = .seconds(4) }) { client, _ in
            #expect(await outcome(.createClient, client) == .uncertain(.timeout))
        }
        #expect(ContinuousClock.now - begin < .seconds(60))
    }

    @Test(arguments: kinds) func `cancelled after the request left is uncertain`(
        operation: FactPulse.Operation
    ) async throws {
        try await withStub({ _ in [.hang] }) { client, server in
            let call = Task { await outcome(operation, client) }
            for await _ in server.arrivals { break }
            call.cancel()
            #expect(await call.value == .uncertain(.cancelled))
        }
    }

    @Test(arguments: kinds) func `cancelled before anything left is not sent`(
        operation: FactPulse.Operation
    ) async throws {
        try await withStub({ _ in [.hang] }) { client, server in
            let call = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await outcome(operation, client)
            }
            #expect(await call.value == .notSent(.cancelled))
            #expect(server.requests.isEmpty)
        }
    }

    @Test func `a request that finds no free connection in time is not sent`() async throws {
        let configure: (inout FactPulseConfiguration) -> Void = {
            $0.maximumConnections = 1
            $0.connectTimeout = .seconds(2)
        }
        try await withStub({ _ in [.hang] }, configure: configure) { client, server in
            let first = Task {
                let result = await outcome(.getClient, client)
                // Should it end by itself, nobody shall wait for its arrival.
                server.stop()
                return result
            }
            for await _ in server.arrivals { break }
            await withTaskGroup(of: Outcome?.self) { group in
                for operation in Self.kinds { group.addTask { await outcome(operation, client) } }
                for await result in group { #expect(result == .notSent(.connectTimeout)) }
            }
            first.cancel()
            #expect(await first.value == .uncertain(.cancelled))
            #expect(server.requests.count == 1)
        }
    }
}
