import ArgumentParser
import Foundation
import Postgres
import TestSupport
import Testing

@testable import FactPulseWorker

/// What `--help` shows. It is where most people learn the program.
struct CLIHelpTests {
    /// Every command, as it is typed. What is missing here was not meant to be one.
    private static let commands = [
        "", "run", "migrate", "bulk", "bulk-runs", "bulk-runs list", "bulk-runs status", "bulk-runs rows",
        "bulk-runs retry", "bulk-runs cancel", "bulk-runs resolve", "keys", "keys status", "keys plan", "keys rotate",
        "keys resolve", "keys import", "keys rewrap", "keys verify-escrow", "keys restore", "audit", "audit verify",
        "audit export", "webhooks", "webhooks status", "webhooks reveal", "webhooks delete", "jobs", "jobs enqueue",
        "jobs list", "jobs show", "jobs retry", "jobs cancel", "schedules", "schedules list", "schedules run",
        "schedules pause", "schedules resume", "sync", "sync clients", "sync pdp", "report", "status",
        "doctor",
    ]

    @Test func `the program has these commands and no others`() {
        func names(_ type: any ParsableCommand.Type, _ path: [String]) -> [String] {
            [path.joined(separator: " ")]
                + type.configuration.subcommands.flatMap { names($0, path + [$0.configuration.commandName ?? "?"]) }
        }
        #expect(names(FactPulseWorker.self, []).sorted() == Self.commands.sorted())
    }

    @Test(arguments: commands) func `the help has one line of what it is for, examples that work, and fits 80 columns`(
        command: String
    ) async throws {
        let words = command.split(separator: " ").map(String.init)
        let help = try await CLI.run(words + ["--help"])
        #expect(help.exit == .code(0) && help.stderr.isEmpty)
        let lines = help.stdout.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        let overview = try #require(lines.first)
        #expect(overview.hasPrefix("OVERVIEW: ") && overview.count > 20)
        let abstract = lines.prefix { !$0.isEmpty }.joined(separator: " ")
        #expect(abstract.hasSuffix("."), "one sentence: \(abstract)")
        // The parser does not break the line that shows all options.
        for line in lines where !line.hasPrefix("USAGE: ") { #expect(line.count <= 80, "\(line)") }
        for option in Self.listed(lines) { #expect(option.hasHelp, "without a word of help: \(option.name)") }

        let examples = Self.examples(lines)
        #expect(!examples.isEmpty)
        for example in examples {
            let typed = try await Self.words(example)
            #expect(typed.starts(with: words), "an example of another command: \(example)")
            #expect(throws: Never.self, "\(example)") { _ = try FactPulseWorker.parseAsRoot(typed) }
        }
    }

    @Test(.database) func `the examples of jobs enqueue make jobs`() async throws {
        try await WorkerFixture.with { fixture in
            let help = try await fixture.command("jobs", "enqueue", "--help")
            let lines = help.stdout.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            let examples = Self.examples(lines)
            for example in examples {
                let typed = try await Self.words(example)
                let ended = try await fixture.programs.run("factpulse-worker", typed, environment: fixture.settings)
                #expect(ended.exit == .code(0), "\(example): \(ended.stderr)")
            }
            let statement = try #require(lines.first { $0.hasPrefix("  SELECT queue.enqueue") })
            try await fixture.database.execute("\(raw: statement.replacing(";", with: ""))")
            #expect(try await fixture.number("SELECT count(*) FROM queue.jobs") == examples.count + 1)
        }
    }

    @Test(arguments: ["demo", "build", "test", "lint", "chaos", "bench", "bench-import", "sample-clients"])
    func `a script explains itself with --help, and does nothing else`(script: String) async throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        try await Programs.with { programs in
            // Without Swift on the path, whatever is begun fails.
            let ended = try await programs.run(
                root.appending(path: "scripts/\(script)").path(),
                ["--help"],
                environment: ["PATH": "/usr/bin:/bin"]
            )
            #expect(ended.exit == .code(0) && ended.stderr.isEmpty, "\(ended.stderr)")
            #expect(ended.stdout.contains("scripts/\(script)"), "\(ended.stdout)")
        }
    }

    /// The lines under EXAMPLES that call the program, a continued one joined to its next.
    private static func examples(_ lines: [String]) -> [String] {
        let block = lines.drop { $0 != "EXAMPLES:" }.dropFirst().prefix { $0.hasPrefix("  ") }
        return block.joined(separator: "\n").replacing("\\\n", with: "").split(separator: "\n")
            .map { $0.trimmingCharacters(in: .whitespaces) }.filter { $0.hasPrefix("factpulse-worker ") }
    }

    /// The options of the help, and whether something is said about each.
    private static func listed(_ lines: [String]) -> [(name: String, hasHelp: Bool)] {
        lines.indices.filter { lines[$0].hasPrefix("  -") }.map { index in
            let next = index + 1 < lines.count ? lines[index + 1] : ""
            // A long option has its help on the line below.
            let isBelow = next.hasPrefix("          ")
            return (lines[index], lines[index].trimmingCharacters(in: .whitespaces).contains("  ") || isBelow)
        }
    }

    /// What a shell makes of the line.
    private static func words(_ example: String) async throws -> [String] {
        var words: [String] = []
        try await Programs.with { programs in
            let script = #"factpulse-worker() { printf '%s\n' "$@" >words; }; "# + example
            let shell = try await programs.run("/bin/bash", ["-c", script])
            #expect(shell.exit == .code(0), "\(shell.stderr)")
            let text = try String(contentsOf: programs.folder.appending(path: "words"), encoding: .utf8)
            words = text.split(separator: "\n").map(String.init)
        }
        return words
    }
}
