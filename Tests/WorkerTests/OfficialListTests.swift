import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// The tables against what another program reads from the same server: the vendor's own package.
@Suite(.database)
struct OfficialListTests {
    @Test(.timeLimit(.minutes(3))) func `the table of clients is what the vendor's own package reads`() async throws {
        try await WorkerFixture.with { fixture in
            let uids = try await fixture.sandbox.seedClients(430, pdpEvery: 7)
            try await fixture.sandbox.edit(
                uids[5],
                #"{"name": "L'Été; \"n°1\"\n=1+1", "isActive": false, "siret": null}"#
            )
            try await fixture.sandbox.edit(
                uids[13],
                #"{"description": "x", "pdp": {"isActive": false, "isMock": true}}"#
            )
            try await fixture.synced("clients")
            let ours = try await fixture.database.query(
                """
                SELECT jsonb_build_object('uid', uid, 'name', name, 'siret', siret, 'description', description, 'isActive', is_active,
                         'hasConfigPdp', has_config_pdp, 'pdpIsActive', pdp_is_active, 'pdpIsMock', pdp_is_mock,
                         'hasConfigChorus', has_config_chorus, 'createdAt', extract(epoch FROM created_at),
                         'updatedAt', extract(epoch FROM updated_at))::text
                  FROM reporting.clients ORDER BY uid::text COLLATE "C"
                """
            ).map { try $0.decode(at: 0, as: String.self) }
            let theirs = try await fixture.officialList()
            #expect(ours.count == 430 && theirs.count == 430)
            for (our, their) in zip(ours, theirs) {
                #expect(try Self.object(our) == Self.object(their))
            }
        }
    }

    private static func object(_ text: String) throws -> NSDictionary {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any] ?? [:]
        // A nullable member may be null or absent: both mean the same. Floats have a tenth of a microsecond to spare.
        let members = object.filter { !($0.value is NSNull) }.mapValues { value -> Any in
            guard let number = value as? Double, number > 1_000_000_000 else { return value }
            return (number * 10_000).rounded()
        }
        return members as NSDictionary
    }
}

extension WorkerFixture {
    /// Runs a sync to its end, with a worker of its own.
    @discardableResult
    func synced(_ stream: String) async throws -> [String: Any] {
        let worker = try await livingWorker()
        let ended = try await command("sync", stream, "--wait", "--json")
        #expect(ended.exit == .code(0), "\(ended.stderr)")
        worker.signal(SIGTERM)
        #expect(try await worker.waitForExit().exit == .code(0))
        return try #require(ended.object)
    }

    fileprivate func officialList() async throws -> [String] {
        let root = URL(filePath: #filePath).deletingLastPathComponent()
        let standard = root.appending(path: "../../.build/python-sdk/bin/python").standardizedFileURL
        let python =
            ProcessInfo.processInfo.environment["FACTPULSE_PYTHON"] ?? standard.path(percentEncoded: false)
        let script = root.appending(path: "official_list.py").path(percentEncoded: false)
        let ended = try await programs.run(python, [script, sandbox.url])
        #expect(ended.exit == .code(0), "\(ended.stderr)")
        return ended.stdout.split(separator: "\n").map(String.init)
    }
}
