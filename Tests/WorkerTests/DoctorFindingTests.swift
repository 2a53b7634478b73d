import Foundation
import Testing

@testable import FactPulseWorker
@testable import Postgres

/// What the doctor says of facts that no test can make of the machine that it runs on.
struct DoctorFindingTests {
    private func facts(_ change: (inout Facts) -> Void = { _ in }) -> ServerFacts {
        var facts = Facts()
        change(&facts)
        return facts.made
    }

    private func isWarning(_ finding: Finding?, _ words: String) -> Bool {
        guard case .warning(let message)? = finding else { return false }
        return message.contains(words)
    }

    @Test func `a commit that a crash or a failover can lose is a warning`() {
        #expect(ServerChecks.durability(facts()).isOK)
        #expect(isWarning(ServerChecks.durability(facts { $0.fsync = false }), "fsync is off"))
        #expect(isWarning(ServerChecks.durability(facts { $0.fullPageWrites = false }), "full_page_writes is off"))
        #expect(isWarning(ServerChecks.durability(facts { $0.synchronousCommit = "off" }), "synchronous_commit is off"))
        #expect(ServerChecks.durability(facts { $0.synchronousCommit = "remote_apply" }).isOK)
        #expect(isWarning(ServerChecks.durability(facts { $0.replicas = 1 }), "synchronous_standby_names"))
        let named = facts {
            $0.replicas = 1
            $0.standbyNames = "*"
        }
        #expect(ServerChecks.durability(named).isOK)
    }

    @Test func `pools that together outgrow the server's connections are a warning`() {
        #expect(ServerChecks.connections(facts(), workers: 8, pool: 8).isOK)
        #expect(isWarning(ServerChecks.connections(facts(), workers: 9, pool: 8), "lower DATABASE_POOL"))
        #expect(isWarning(ServerChecks.connections(facts { $0.connections = 95 }, workers: 1, pool: 8), "close some"))
    }

    @Test func `a pooler in transaction mode is a warning until the settings say that it is one`() {
        let server = facts()
        #expect(isWarning(ServerChecks.pooler(.transaction, isKnown: false, server), "DATABASE_PGBOUNCER=true"))
        #expect(ServerChecks.pooler(.transaction, isKnown: true, server).isOK)
        #expect(ServerChecks.pooler(.session, isKnown: false, server).isOK)
        #expect(ServerChecks.pooler(.none, isKnown: false, server).isOK)
        let forgetful = facts { $0.idleTimeout = .zero }
        #expect(isWarning(ServerChecks.pooler(.transaction, isKnown: true, forgetful), "ALTER ROLE joe SET"))
    }

    @Test func `an old snapshot is a warning that names who holds it`() {
        let held = [HeldSnapshot(holder: "process 7 (user joe)", age: .seconds(4_000))]
        #expect(isWarning(ServerChecks.transactions(held, seesOthers: true), "process 7 (user joe)"))
        #expect(ServerChecks.transactions([], seesOthers: true).isOK)
        #expect(ServerChecks.transactions([], seesOthers: false).message.contains("pg_monitor"))
    }

    @Test func `clocks that differ are a warning that says which way`() {
        #expect(ClockCheck.finding(database: .seconds(3), api: .seconds(-2))?.isOK == true)
        #expect(
            isWarning(ClockCheck.finding(database: .seconds(90), api: .seconds(90)), "1 min 30 s behind the database")
        )
        #expect(isWarning(ClockCheck.finding(database: nil, api: .seconds(-90)), "ahead of FactPulse"))
        #expect(isWarning(ClockCheck.finding(database: .seconds(9), api: .seconds(-9)), "on both"))
        #expect(ClockCheck.finding(database: nil, api: nil) == nil)
    }

    @Test func `what could not be looked at says because of what, or that time ran out`() {
        let diagnosis = Diagnosis()
        diagnosis[.settings] = .ok("")
        diagnosis[.database] = .failed(.unavailable, "away")
        diagnosis[.api] = .ok("")
        let found = Dictionary(uniqueKeysWithValues: diagnosis.findings.map { ($0.check, $0.finding.message) })
        #expect(found[.rows]?.contains("because of: database") == true)
        #expect(found[.quota]?.contains("no time left") == true)
        #expect(diagnosis.status == .unavailable)
    }

    @Test func `a finding is one line, whatever was put into it`() {
        for finding in [Finding.ok("a\nb"), .warning("a\r\nb"), .failed(.bug, "a\nb"), .skipped("\na\nb\n")] {
            #expect(finding.message == "a b")
        }
    }

    @Test(.timeLimit(.minutes(1))) func `work that hangs and cannot be cancelled is left behind`() async {
        let (endless, _) = AsyncStream.makeStream(of: Void.self)
        let start = ContinuousClock.now
        await spend(atMost: .milliseconds(50)) {
            // Deaf to cancellation, as a thread in the system's resolver is.
            await Task { for await _ in endless {} }.value
        }
        #expect(ContinuousClock.now - start < .seconds(30))
    }
}

/// A server in order.
private struct Facts {
    var fsync = true
    var fullPageWrites = true
    var synchronousCommit = "on"
    var standbyNames = ""
    var idleTimeout = Duration.seconds(10)
    var replicas = 0
    var connections = 5

    var made: ServerFacts {
        ServerFacts(
            version: 150_000,
            versionName: "15.0",
            user: "joe",
            database: "x",
            isStandby: false,
            isReadOnly: false,
            fsync: fsync,
            fullPageWrites: fullPageWrites,
            synchronousCommit: synchronousCommit,
            synchronousStandbyNames: standbyNames,
            idleInTransactionTimeout: idleTimeout,
            replicas: replicas,
            connectionLimit: 97,
            connections: connections,
            seesOthers: true,
            clock: .now
        )
    }
}
