import Foundation
import JobQueue
import Postgres
import Sandbox
import Testing

@testable import Jobs

/// Syncs, and holds the tables against the server.
extension BulkFixture {
    /// Runs one sync of the client list to its end.
    @discardableResult
    func syncClients(allowMassDelete: Bool? = nil) async throws -> SyncClients.Report {
        let job = try await enqueueSync(allowMassDelete: allowMassDelete)
        try await drain()
        let text = try await database.query("SELECT result::text FROM queue.jobs WHERE id = \(job)")[0]
            .decode(at: 0, as: String?.self)
        return try JSONDecoder().decode(SyncClients.Report.self, from: Data(try #require(text).utf8))
    }

    func enqueueSync(allowMassDelete: Bool? = nil) async throws -> Int64 {
        let arguments = SyncClients.Arguments(allowMassDelete: allowMassDelete)
        return try await JobStore.enqueue(
            SyncClients.kind,
            arguments: String(decoding: try JSONEncoder().encode(arguments), as: UTF8.self),
            in: database
        )
    }

    /// The clients that our table says exist.
    func localClients() async throws -> Set<SandboxClient> {
        let rows = try await database.query(
            "SELECT uid::text, name, siret, description, is_active, has_config_pdp FROM factpulse.clients WHERE _deleted_at IS NULL"
        )
        return Set(
            try rows.map { row in
                let (uid, name, siret, description, isActive, hasConfig) = try row.decode(
                    (String.self, String.self, String?.self, String?.self, Bool.self, Bool.self)
                )
                var client = SandboxClient(
                    uid: uid,
                    name: name,
                    siret: siret,
                    description: description,
                    isActive: isActive
                )
                client.hasConfigPdp = hasConfig
                return client
            }
        )
    }

    func serverClients() async -> Set<SandboxClient> {
        Set(await server.world.clients())
    }

    func expectEqualToServer(sourceLocation: SourceLocation = #_sourceLocation) async throws {
        let (local, server) = (try await localClients(), await serverClients())
        // Not the sets themselves, which a failure would print.
        let isEqual = local == server
        #expect(
            isEqual,
            "\(local.subtracting(server).count) only here, \(server.subtracting(local).count) only there",
            sourceLocation: sourceLocation
        )
    }

    /// Client tombstones of clients that the server has.
    func falseTombstones() async throws -> Int {
        let dead = try await database.query("SELECT uid::text FROM factpulse.clients WHERE _deleted_at IS NOT NULL")
        let living = Set(await server.world.clients().map(\.uid))
        return try dead.filter { living.contains(try $0.decode(at: 0, as: String.self)) }.count
    }

    func listCalls() async -> Int {
        await server.world.report().byOperation[SandboxOperation.listClients.rawValue]?.count ?? 0
    }
}
