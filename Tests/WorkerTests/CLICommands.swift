import Foundation
import Testing

/// Runs `factpulse-worker` for tests of the command line alone, without a sandbox.
enum CLI {
    /// - Parameter settings: All of them: nothing else is set.
    static func run(
        _ arguments: [String],
        settings: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> RunningProgram.Ended {
        var ended: RunningProgram.Ended?
        try await Programs.with { programs in
            ended = try await programs.run("factpulse-worker", arguments, environment: settings, within: limit)
        }
        return try #require(ended)
    }
}

extension RunningProgram.Ended {
    /// What a failed command says to people: one line that begins with "Error: " and has more than that word.
    var errorLine: String? {
        let lines = stderr.split(separator: "\n", omittingEmptySubsequences: false)
        guard lines.count >= 2, lines.last == "", lines[lines.count - 2].hasPrefix("Error: ") else { return nil }
        return lines.count { $0.hasPrefix("Error") } == 1 ? String(lines[lines.count - 2]) : nil
    }

    /// Standard output as the one JSON object that it must be.
    var object: [String: Any]? {
        // A second object, or any other text, is garbage to the parser.
        (try? JSONSerialization.jsonObject(with: Data(stdout.utf8))) as? [String: Any]
    }
}

/// Checks that a command failed as it should: the code, one line with the cure, and nothing on standard output.
func expectFailure(
    _ ended: RunningProgram.Ended,
    _ code: Int32,
    _ words: String...,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(ended.exit == .code(code), "\(ended.stderr)", sourceLocation: sourceLocation)
    #expect(ended.stdout.isEmpty, "\(ended.stdout)", sourceLocation: sourceLocation)
    guard let line = ended.errorLine else {
        Issue.record("not one error line: \(ended.stderr)", sourceLocation: sourceLocation)
        return
    }
    for word in words { #expect(line.contains(word), "\(line)", sourceLocation: sourceLocation) }
}
