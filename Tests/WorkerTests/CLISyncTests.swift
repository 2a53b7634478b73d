import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

@Suite(.database)
struct CLISyncTests {
    @Test func `a sync that is waited for says what it did, and status how fresh the tables are`() async throws {
        try await WorkerFixture.with { fixture in
            try await fixture.sandbox.seedClients(120, pdpEvery: 10)
            let clients = try await fixture.synced("clients")
            #expect(clients["outcome"] as? String == "complete" && clients["appeared"] as? Int == 120)
            let pdp = try await fixture.synced("pdp")
            #expect(pdp["due"] as? Int == 12 && pdp["written"] as? Int == 108 && pdp["failed"] as? Int == 0)

            let status = try await fixture.command("status", "--json")
            let syncs = try #require(status.object?["syncs"] as? [[String: Any]])
            #expect(syncs.map { $0["stream"] as? String } == ["clients", "pdp"])
            #expect(syncs.allSatisfy { $0["kept"] as? Bool == true && $0["rows"] as? Int == 120 })
            #expect(try await fixture.command("status").stdout.contains("\npdp       120  "))
            try await fixture.database.execute("UPDATE factpulse.promises SET max_age = interval '1 microsecond'")
            let late = try await fixture.command("status")
            #expect(late.stdout.contains("\n! sync: the clients of "), "\(late.stdout)")
        }
    }

    @Test func `without --wait a sync is a job, and a second one the same`() async throws {
        try await WorkerFixture.with { fixture in
            for stream in ["clients", "pdp"] {
                let first = try await fixture.command("sync", stream, "--json").object?["job"] as? Int
                let second = try await fixture.command("sync", stream, "--json").object?["job"] as? Int
                #expect(first != nil && first == second)
            }
            expectFailure(try await fixture.command("sync", "clients", "--wait", "--max-wait", "1s"), 75, "goes on")
            #expect(try await fixture.command("sync", "clients", "--max-wait", "1s").exit == .code(64))
        }
    }

    @Test func `clients that are gone in a crowd end with 1, and a server that refuses with 69 or 77`() async throws {
        try await WorkerFixture.with { fixture in
            let uids = try await fixture.sandbox.seedClients(30)
            try await fixture.synced("clients")
            for uid in uids.prefix(11) { try await fixture.sandbox.removeClient(uid) }
            try await fixture.synced("clients")
            let worker = try await fixture.livingWorker()
            let crowd = try await fixture.command("sync", "clients", "--wait")
            #expect(
                crowd.exit == .code(1) && crowd.errorLine?.contains("--allow-mass-delete") == true,
                "\(crowd.stderr)"
            )
            let told = try await fixture.command("sync", "clients", "--wait", "--allow-mass-delete")
            #expect(told.exit == .code(0) && told.stdout.contains("11 deleted"), "\(told.stderr)")
            try await fixture.sandbox.setFaults(Faults(faults: [FaultRule(.status, on: "listClients", status: 403)]))
            expectFailure(try await fixture.command("sync", "clients", "--wait"), 77, "rights")
            try await fixture.sandbox.setFaults(Faults(faults: [FaultRule(.status, on: "listClients", status: 400)]))
            expectFailure(try await fixture.command("sync", "clients", "--wait"), 69, "400")
            worker.signal(SIGTERM)
            #expect(try await worker.waitForExit().exit == .code(0))
        }
    }

    @Test func `a report is a table, CSV without formulas, or one JSON object`() async throws {
        try await WorkerFixture.with { fixture in
            let uids = try await fixture.sandbox.seedClients(2)
            try await fixture.sandbox.edit(uids[1], #"{"name": "=1+1;\"x\"", "description": "a\nb"}"#)
            try await fixture.synced("clients")
            let table = try await fixture.command("report", "clients")
            #expect(table.stdout.split(separator: "\n").count == 3 && table.stdout.hasPrefix("uid "))
            let csv = try await fixture.command("report", "clients", "--format", "csv").stdout
            #expect(
                csv.hasPrefix("uid,account,name,siret,") && csv.contains(#","'=1+1;""x""","#)
                    && csv.contains("\"a\nb\"")
            )
            #expect(
                try await fixture.command("report", "clients", "--format", "csv", "--raw").stdout.contains(
                    #","=1+1;""x""","#
                )
            )
            let json = try await fixture.command("report", "clients", "--format", "json")
            let rows = try #require(json.object?["rows"] as? [[String: Any]])
            #expect(rows.count == 2 && rows.contains { $0["name"] as? String == #"=1+1;"x""# })
            #expect(try await fixture.command("report", "pdp_problems", "--json").object?["columns"] != nil)
            #expect(try await fixture.command("report").stdout.contains("freshness"))
            expectFailure(try await fixture.command("report", "client"), 64, "did you mean clients?")
            expectFailure(try await fixture.command("report", "clients; DROP TABLE x"), 64, "there is no report")
        }
    }
}
