import Foundation
import Hummingbird
import Logging
import NIOCore

/// A running sandbox, on a real socket of this machine.
package final class SandboxServer: Sendable {
    /// `http://127.0.0.1:PORT`, no slash at the end.
    package let url: String
    package let world: SandboxWorld

    private init(url: String, world: SandboxWorld) {
        self.url = url
        self.world = world
    }

    /// Runs a sandbox for as long as `body` runs. Requests still held then are dropped, late effects with them.
    /// - Throws: What `body` throws; ``SandboxError`` when the address cannot be had or the configuration is unusable.
    package static func withServer<T>(
        _ configuration: SandboxConfiguration = .init(),
        _ body: (SandboxServer) async throws -> T
    ) async throws -> T {
        let world = try await makeWorld(configuration)
        let (ports, port) = AsyncStream.makeStream(of: Int.self)
        let application = application(configuration, world, level: .critical) { port.yield($0) }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { port.finish() }
                try await application.run()
            }
            var iterator = ports.makeAsyncIterator()
            guard let bound = await iterator.next() else {
                try await group.waitForAll()
                throw SandboxError.didNotStart
            }
            // Leaving cancels the server, and leaves only when it is down.
            defer { group.cancelAll() }
            return try await body(SandboxServer(url: url(configuration.host, bound), world: world))
        }
    }

    /// Runs a sandbox until SIGTERM or SIGINT.
    /// - Parameter ready: Called once with the address when requests are taken.
    package static func run(
        _ configuration: SandboxConfiguration,
        ready: @escaping @Sendable (String) -> Void
    ) async throws {
        let world = try await makeWorld(configuration)
        let application = application(configuration, world, level: .notice) { ready(url(configuration.host, $0)) }
        try await application.runService()
    }

    private static func makeWorld(_ configuration: SandboxConfiguration) async throws -> SandboxWorld {
        guard ["127.0.0.1", "::1", "localhost"].contains(configuration.host) else {
            throw SandboxError.notLoopback(configuration.host)
        }
        try configuration.faults.forEach { try $0.validate() }
        let world = SandboxWorld(configuration)
        await world.seedClients(configuration.clients)
        return world
    }

    private static func application(
        _ configuration: SandboxConfiguration,
        _ world: SandboxWorld,
        level: Logger.Level,
        ready: @escaping @Sendable (Int) -> Void
    ) -> Application<Responder> {
        var logger = Logger(label: "factpulse-sandbox", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = level
        return Application(
            responder: Responder(world: world),
            configuration: .init(address: .hostname(configuration.host, port: configuration.port)),
            onServerRunning: { channel in ready(channel.localAddress?.port ?? configuration.port) },
            logger: logger
        )
    }

    private static func url(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "http://[\(host)]:\(port)" : "http://\(host):\(port)"
    }
}
