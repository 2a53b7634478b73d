import Foundation
import TestSupport
import Testing

struct KeyCostTests {
    @Test func `a rotation is at most 8 statements and 4 commits beside its calls`() async throws {
        try await WorkerFixture.withPrivatePostgres { fixture, server in
            let clients = try await KeyClients.make(5, fixture)
            let before = try server.log().count
            try await clients.rotateAll()
            let worker = try await fixture.worker("--drain", settings: clients.custody.settings).waitForExit()
            #expect(worker.exit == .code(0), "\(worker.stderr)")
            let transactions = Self.transactions(try server.log().dropFirst(before)).filter { statements in
                statements.contains { $0.contains("queue.fence") }
            }
            let statements = transactions.joined().count { !["BEGIN", "COMMIT"].contains($0) }
            let figures = Figures(title: "cost of a rotation")
            let (each, commits) = (Double(statements) / 5, Double(transactions.count) / 5)
            try figures.expect("statements", each, "at most 8", (1...8).contains(each))
            try figures.expect("commits", commits, "at most 4", (1...4).contains(commits))
            #expect(try await clients.right() == 5)
        }
    }

    /// The statements of each transaction, from BEGIN to COMMIT, as the server's log has them.
    private static func transactions(_ log: some Sequence<Substring>) -> [[String]] {
        var (open, whole) = ([Substring: [String]](), [[String]]())
        for line in log {
            guard let found = line.firstMatch(of: /\[(\d+)\] LOG:  (?:execute [^:]+|statement): (.*)/) else { continue }
            let (process, statement) = (found.1, String(found.2))
            if statement.hasPrefix("BEGIN") {
                open[process] = ["BEGIN"]
            } else if statement.hasPrefix("COMMIT") {
                whole.append((open.removeValue(forKey: process) ?? []) + ["COMMIT"])
            } else {
                open[process]?.append(statement)
            }
        }
        return whole
    }
}
