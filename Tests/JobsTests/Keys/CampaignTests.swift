import FactPulse
import Foundation
import JobQueue
import KeyVault
import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

@Suite(.database)
struct CampaignTests {
    @Test func `one client, then five, then the rest, and never more than the width at once`() {
        func places(_ begun: Int, _ open: Int, _ succeeded: Int, width: Int = 100, limit: Int = 1_000) -> Int {
            CampaignProgress(begun: begun, open: open, succeeded: succeeded).places(width: width, limit: limit)
        }
        #expect(places(0, 0, 0) == 1 && places(1, 1, 0) == 0)
        #expect(places(1, 0, 1) == 5 && places(3, 2, 1) == 3 && places(6, 1, 5) == 0)
        #expect(places(6, 0, 6) == 100 && places(10, 4, 6, width: 5) == 1)
        #expect(places(8, 0, 8, limit: 10) == 2 && places(10, 0, 10, limit: 10) == 0)
        var troubled = CampaignProgress(begun: 8, succeeded: 7, troubles: ["client a: lost"])
        #expect(!troubled.isStopped && troubled.places(width: 3, limit: 100) == 3)
        troubled.troubles.append("client b: split")
        #expect(troubled.isStopped && troubled.places(width: 3, limit: 100) == 0)
    }

    @Test func `all keys that are due are rotated, the first one alone, and what is not due is left`() async throws {
        try await KeyFixture.with { keys in
            var clients: [UUID] = []
            for number in 1...9 { clients.append(try await keys.makeClient(number)) }
            try await keys.age(clients.dropLast())
            try await keys.withClient { _ = try await $0.client(KeyFixture.uid(clients[3])).deactivate() }
            _ = try await RotateDueKeys.start(.init(width: 3), in: keys.database)
            try await keys.drain()
            for (index, client) in clients.enumerated() {
                #expect(try await keys.isRight(client))
                let count = [3, 8].contains(index) ? 1 : 2
                #expect(try await keys.states(of: client).count == count, "client \(index)")
            }
            let result = try #require(try await keys.campaign().result)
            #expect(result.contains(#""succeeded": 7"#) && result.contains(#""skipped": 1"#), "\(result)")
            let spans = try await keys.database.query(
                "SELECT started_at, ended_at FROM factpulse.rotation_attempts ORDER BY started_at"
            ).map { try $0.decode((Date.self, Date.self)) }
            #expect(spans[1].0 > spans[0].1, "the second began when the first had ended")
        }
    }

    @Test func `a campaign stops after two rotations that did not succeed, and says whose and what to do`() async throws
    {
        try await KeyFixture.with { keys in
            var clients: [UUID] = []
            for number in 1...8 { clients.append(try await keys.makeClient(number)) }
            try await keys.age(clients[...])
            // The most overdue come first.
            for client in clients[1...2] {
                try await keys.age([client], days: 300)
                try await keys.configure(client, mode: .double, key: .randomKey())
            }
            _ = try await RotateDueKeys.start(.init(), in: keys.database)
            try await keys.drain()
            let campaign = try await keys.campaign()
            #expect(campaign.state == "failed")
            for words in clients[1...2].map(\.lowercased) + ["keys status", "keys rotate --due", "kept"] {
                #expect(campaign.error?.contains(words) == true, "\(words): \(campaign.error ?? "")")
            }
            for client in clients where !clients[1...2].contains(client) {
                #expect(try await keys.attempts(of: client).isEmpty, "nobody else's key was touched")
            }
        }
    }

    @Test func `a second campaign does not begin while one is open, whoever starts it`() async throws {
        try await KeyFixture.with { keys in
            for number in 1...3 { try await keys.age([try await keys.makeClient(number)]) }
            // A schedule's: the one by hand comes before it.
            let schedule: SQL = "SELECT queue.enqueue('rotate-due-keys', '{}', unique_key => 'schedule rotate-keys')"
            let second: Int64 = try await keys.database.query(schedule)[0].decode(at: 0)
            let start = try await RotateDueKeys.start(.init(), in: keys.database)
            guard case .made(let first) = start else { throw KeyFixture.Unexpected() }
            #expect(try await RotateDueKeys.start(.init(), in: keys.database) == .busy(job: first))
            try await keys.drain()
            let results = try await keys.database.query(
                "SELECT id, result::text FROM queue.jobs WHERE kind = 'rotate-due-keys' ORDER BY id"
            ).map { try $0.decode((Int64.self, String.self)) }
            #expect(results.map(\.0) == [second, first])
            #expect(results[0].1.contains("skipped") && results[0].1.contains("\(first)"), "\(results[0].1)")
            #expect(results[1].1.contains(#""succeeded": 3"#), "\(results[1].1)")
            guard case .made = try await RotateDueKeys.start(.init(), in: keys.database) else {
                throw KeyFixture.Unexpected()
            }
        }
    }

    @Test func `the database refuses a second open campaign, and one whose job was cancelled is over`() async throws {
        try await KeyFixture.with { keys in
            guard case .made(let first) = try await RotateDueKeys.start(.init(), in: keys.database) else {
                throw KeyFixture.Unexpected()
            }
            let error = await #expect(throws: PostgresError.self) {
                try await keys.database.execute("INSERT INTO factpulse.campaigns (id) VALUES (\(first + 1))")
            }
            #expect(error?.sqlState == "23505")
            _ = try await JobStore(keys.database).cancel(first)
            // Of many at once one is made, and all others name it.
            let starts = try await withThrowingTaskGroup(of: RotateDueKeys.Start.self) { group in
                for _ in 1...6 { group.addTask { try await RotateDueKeys.start(.init(), in: keys.database) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            let made = starts.compactMap { if case .made(let job) = $0 { job } else { nil } }
            #expect(made.count == 1 && made != [first])
            #expect(starts.count { $0 == .busy(job: made[0]) } == 5)
        }
    }
}

extension KeyFixture {
    /// Makes keys older than they are.
    func age(_ clients: some Collection<UUID>, days: Int = 120) async throws {
        try await database.execute(
            """
            UPDATE factpulse.secrets SET activated_at = now() - \(days)::int * interval '1 day'
             WHERE purpose = 'client-key' AND client_uid = ANY (\(Array(clients))::uuid[])
            """
        )
    }

    func campaign() async throws -> (state: String, result: String?, error: String?) {
        try await database.query(
            "SELECT state, result::text, error FROM queue.jobs WHERE kind = 'rotate-due-keys'"
        )[0].decode((String.self, String?.self, String?.self))
    }
}
