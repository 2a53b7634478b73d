import Foundation
import Sandbox
import TestSupport
import Testing

@Suite struct ProgramTests {
    @Test(.timeLimit(.minutes(1))) func `the program tells its address, takes its options and ends at SIGTERM`()
        async throws
    {
        let folder = FileManager.default.temporaryDirectory.appending(path: "sandbox-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let (faults, password) = (folder.appending(path: "faults.json"), folder.appending(path: "password"))
        try Data(#"{"faults": [{"kind": "status", "operation": "me", "status": 500}]}"#.utf8).write(to: faults)
        try Data("p4ss\n".utf8).write(to: password)
        // The shell waits for the line, asks, and ends the program as a supervisor would.
        let script = """
            "$0" --port 0 --clients 2 --email a@b.test --password-file "$1/password" --faults "$1/faults.json" >"$1/out" &
            program=$!
            until grep -q listening "$1/out"; do kill -0 $program || exit 9; done
            url=$(sed 's/factpulse-sandbox listening on //' "$1/out")
            login='{"username": "a@b.test", "password": "p4ss"}'
            token=$(curl -sS -H 'Content-Type: application/json' -d "$login" "$url/api/token/" | cut -d'"' -f4)
            curl -sS "$url/__sandbox/ledger"; echo
            curl -sS -o /dev/null -w 'me %{http_code}\\n' "$url/api/v1/me"
            kill -TERM $program; wait $program; echo "exit $?"
            """
        let run = try await Program.run("bash", ["-c", script, try Self.program(), folder.path(percentEncoded: false)])
        #expect(run.output.contains(#""clients":2"#) && run.output.contains("me 500"), "\(run.output)")
        #expect(run.output.contains(#""statuses":{"200":1}"#), "the only request so far is the login: \(run.output)")
        #expect(run.output.hasSuffix("exit 0\n"), "\(run.output)")
    }

    @Test func `a fault file with a mistake ends the program with the reason`() async throws {
        let file = FileManager.default.temporaryDirectory.appending(path: "faults-\(UUID().uuidString).json")
        try Data(#"{"faults": [{"kind": "status", "opration": "me"}]}"#.utf8).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let run = try await Program.run(
            try Self.program(),
            ["--port", "0", "--faults", file.path(percentEncoded: false)]
        )
        #expect(run.status != 0 && run.output.contains("opration"), "\(run.output)")
    }

    @Test func `the manual names every fault, option and operation, and its examples are right`() async throws {
        let run = try await Program.run(try Self.program(), ["--help"])
        #expect(run.status == 0)
        let words = Set(run.output.components(separatedBy: CharacterSet.alphanumerics.inverted))
        let options = try JSONDecoder().decode(JSONValue.self, from: JSONEncoder().encode(SandboxOptions()))
        let operations = SandboxOperation.allCases.map(\.rawValue)
        for name in try #require(options.members).keys + operations { #expect(words.contains(name), "\(name)") }

        // An example has no braces inside, and may be continued on the next line.
        let examples = run.output.matches(of: /\n  (\{"kind"[^{}]*\})/).map { String($0.1) }
        let kinds = FaultRule.Kind.allCases.map(\.rawValue)
        #expect(
            examples.compactMap { $0.firstMatch(of: /"kind": "(\w+)"/).map { String($0.1) } }.sorted() == kinds.sorted()
        )
        var configuration = SandboxConfiguration()
        try configuration.apply(json: Data(#"{"faults": [\#(examples.joined(separator: ","))]}"#.utf8))
        #expect(configuration.faults.count == kinds.count)
    }

    /// The program stands beside the test bundle.
    private static func program() throws -> String {
        let here = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
        let path = here.appending(path: "factpulse-sandbox").path(percentEncoded: false)
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Unexpected(what: "no program at \(path); build it: swift build --build-tests")
        }
        return path
    }
}
