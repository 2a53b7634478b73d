import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// The database of last night, and the escrow file of now.
@Suite(.database)
struct KeyRestoreTests {
    @Test(.timeLimit(.minutes(3)))
    func `a database restored from a dump of halfway gets every key back, and every client can be rotated`()
        async throws
    {
        try await WorkerFixture.with { fixture in
            let clients = try await KeyClients.make(10, fixture)
            let settings = clients.custody.settings
            try await rotateAll(clients)
            // The whole database: with --schema it would lack the extension that the history's constraint needs.
            let dump = try await pg("pg_dump", fixture, "--clean", "--if-exists")
            #expect(dump.exit == .code(0) && dump.stdout.contains("rotation_attempts"), "\(dump.stderr)")
            // What the dump knows nothing of: each client is rotated twice more.
            for _ in 1...2 { try await rotateAll(clients) }

            let file = try fixture.programs.write(dump.stdout, to: "dump.sql")
            let loaded = try await pg("psql", fixture, "--quiet", "--set=ON_ERROR_STOP=1", "--file=\(file)")
            #expect(loaded.exit == .code(0), "\(loaded.stderr)")
            #expect(try await clients.right() == 0, "the database is that of the dump")

            let restored = try await fixture.command("keys", "restore", "--json", settings: settings)
            #expect(restored.exit == .code(0) && restored.object?["restored"] as? Int == 20, "\(restored.stdout)")
            #expect(restored.stderr.contains("keys rotate --unfinished"))
            // The call that may still be on its way at the server is waited for.
            try await fixture.until(
                "SELECT coalesce(max(settle_until), now()) <= now() FROM factpulse.secrets",
                within: .seconds(60)
            )
            let unfinished = try await fixture.command("keys", "rotate", "--unfinished", "--json", settings: settings)
            #expect((unfinished.object?["jobs"] as? [Any])?.count == 10, "\(unfinished.stdout)")
            try await drain(clients)
            #expect(try await clients.right() == 10)
            try await rotateAll(clients)
            #expect(try await clients.right() == 10)
        }
    }

    private func rotateAll(_ clients: KeyClients) async throws {
        try await clients.rotateAll()
        try await drain(clients)
    }

    private func drain(_ clients: KeyClients) async throws {
        let worker = try clients.fixture.worker("--drain", settings: clients.custody.settings)
        #expect(try await worker.waitForExit(within: .seconds(120)).exit == .code(0))
        #expect(try await clients.fixture.number("SELECT count(*) FROM queue.jobs WHERE state <> 'done'") == 0)
    }

    private func pg(_ name: String, _ fixture: WorkerFixture, _ arguments: String...) async throws
        -> RunningProgram.Ended
    {
        let root = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..").standardizedFileURL
        // The server's own programs are found as scripts/lib.sh finds them.
        let script = #"source "$0/scripts/lib.sh"; name=$1; shift; exec "$(find_pgbin)/$name" "$@""#
        return try await fixture.programs.run(
            "/bin/bash",
            ["-c", script, root.path(percentEncoded: false), name] + arguments
                + ["--dbname=\(fixture.settings["DATABASE_URL"] ?? "")"]
        )
    }
}
