import Foundation
import KeyVault
import Postgres
import TestSupport
import Testing

@Suite(.database)
struct KEKChangeTests {
    @Test(.timeLimit(.minutes(3)))
    func `the KEK is changed while workers rotate, no call fails, and the old one is retired when nothing needs it`()
        async throws
    {
        try await WorkerFixture.with { fixture in
            let clients = try await KeyClients.make(12, fixture)
            let settings = clients.custody.settings
            let workers = [
                try await fixture.livingWorker(settings: settings), try await fixture.livingWorker(settings: settings),
            ]
            let old = try #require(
                try await fixture.database.query("SELECT id FROM factpulse.keks").first?.decode(at: 0, as: String.self)
            )
            try await clients.rotateAll()
            try replaceKEK(settings["FACTPULSE_KEK_FILE"] ?? "")
            try await clients.untilIdle()
            try await clients.rotateAll()
            // Workers that seal under the old one until they hear of the new one may make it necessary again.
            var refusals = 0
            while true {
                let ended = try await fixture.command("keys", "rewrap", "--retire", old, "--json", settings: settings)
                if ended.exit == .code(0) { break }
                #expect([.code(1), .code(75)].contains(ended.exit), "\(ended.stderr)")
                refusals += 1
                try #require(refusals < 20)
            }
            try await clients.rotateAll()
            try await clients.untilIdle()
            for worker in workers { worker.signal(SIGTERM) }
            #expect(try await fixture.number("SELECT count(*) FROM factpulse.secrets WHERE kek_id = \(old)") == 0)
            #expect(try await fixture.number("SELECT count(*) FROM queue.jobs WHERE state <> 'done'") == 0)
            #expect(try await clients.right() == 12)
            #expect(
                try await fixture.number("SELECT count(*) FROM factpulse.rotation_attempts WHERE state <> 'succeeded'")
                    == 0
            )
        }
    }

    @Test func `a KEK that a row needs is not retired`() async throws {
        try await WorkerFixture.with { fixture in
            let clients = try await KeyClients.make(1, fixture)
            let old = try #require(
                try await fixture.database.query("SELECT id FROM factpulse.keks").first?.decode(at: 0, as: String.self)
            )
            let settings = clients.custody.settings
            let current = try await fixture.command("keys", "rewrap", "--retire", old, settings: settings)
            expectFailure(current, 75, "current")
            await #expect(throws: PostgresError.self) {
                try await fixture.database.execute("UPDATE factpulse.keks SET live = false WHERE id = \(old)")
            }
        }
    }

    /// The new one on the first line, the old one below, in one atomic step.
    private func replaceKEK(_ path: String) throws {
        let old = try String(contentsOfFile: path, encoding: .utf8)
        let new = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
        let file = URL(filePath: path + ".new")
        try Data("\(new)\n\(old)".utf8).write(to: file)
        try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: file.path)
        guard rename(file.path, path) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
