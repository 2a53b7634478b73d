import Foundation
import Jobs
import Postgres
import Sandbox

extension BulkFixture {
    /// Makes clients without a request.
    /// - Returns: their uids, in order.
    @discardableResult
    func seed(_ clients: SandboxClient...) async -> [String] {
        await server.world.seedClients(clients).map { $0.uuidString.lowercased() }
    }

    /// So many clients whose SIRETs are those of ``lines(_:from:)``.
    @discardableResult
    func seed(_ count: Int, active: Bool = true) async -> [String] {
        let clients = (1...count).map {
            SandboxClient(name: "Client \($0)", siret: SandboxWorld.siret($0), isActive: active)
        }
        return await server.world.seedClients(clients).map { $0.uuidString.lowercased() }
    }

    func client(_ uid: String) async throws -> SandboxClient? {
        await server.world.clients().first { $0.uid == uid }
    }

    /// How often each client was changed by this operation.
    func effects(_ operation: SandboxOperation) async -> [String: Int] {
        let effects = await server.world.report().effects.filter { $0.operation == operation }
        return Dictionary(grouping: effects, by: \.uid).mapValues(\.count)
    }

    func requests(_ operation: SandboxOperation) async -> Int {
        await server.world.report().byOperation[operation.rawValue]?.count ?? 0
    }

    /// The only row of a run.
    func row(_ run: Int64) async throws -> BulkRow {
        guard let row = try await rows(run).first else { throw NotNew() }
        return row
    }
}
