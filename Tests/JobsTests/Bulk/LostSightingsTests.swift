import Postgres
import Sandbox
import TestSupport
import Testing

@testable import Jobs

/// The table of sightings is not logged: a crash of the database empties it.
@Suite(.database)
struct LostSightingsTests {
    /// Empties the table, as a crash would, the moment the first sweeps of this purpose are complete.
    private func lose(_ sweeps: Int, of purpose: String, _ fixture: BulkFixture) async throws {
        try await fixture.database.execute(
            """
            CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF (SELECT count(*) FROM factpulse.sweeps s WHERE s.purpose = NEW.purpose AND s.outcome = 'complete') <= TG_ARGV[0]::int
                   AND starts_with(NEW.purpose, TG_ARGV[1])
                THEN DELETE FROM factpulse.sightings; END IF;
                RETURN NULL;
            END $$
            """
        )
        try await fixture.database.execute(
            """
            CREATE TRIGGER lose AFTER UPDATE OF outcome ON factpulse.sweeps FOR EACH ROW
              EXECUTE FUNCTION lose('\(raw: "\(sweeps)")', '\(raw: purpose)')
            """
        )
    }

    @Test func `a run whose sweep was lost still finds the clients that exist`() async throws {
        try await BulkFixture.with { fixture in
            await fixture.server.world.seedClients([SandboxClient(name: "Ancienne", siret: SandboxWorld.siret(1))])
            try await lose(1, of: "start-run", fixture)
            let run = try await fixture.run(BulkFixture.lines(3))
            try await fixture.drain()
            let counts = try await fixture.counts(run)
            #expect(counts[.exists] == 1 && counts[.done] == 2, "\(counts)")
            #expect(await fixture.server.world.report().duplicates.isEmpty)
        }
    }

    @Test func `a lost answer is not taken for absent because its sweeps were lost`() async throws {
        let cut = FaultRule(.cutAfter, on: "createClient") { $0.to = 1 }
        try await BulkFixture.with(faults: [cut]) { fixture in
            try await lose(2, of: "settle-creates", fixture)
            let run = try await fixture.run(BulkFixture.lines(1))
            try await fixture.drain()
            #expect(try await fixture.counts(run)[.done] == 1)
            #expect(try await fixture.creates() == 1, "it was there all the time")
        }
    }
}
