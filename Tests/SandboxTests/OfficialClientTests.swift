import Foundation
import Sandbox
import Testing

@Suite struct OfficialClientTests {
    @Test(.timeLimit(.minutes(5))) func `the vendor's own package works against the sandbox, unchanged`() async throws {
        let python = try await OfficialPython.path()
        try await withSandbox { api async throws in
            let run = try await Program.run(python, [OfficialPython.script, api.server.url])
            #expect(run.status == 0, "\(run.output)")
            #expect(run.output.contains("all done"))
            let report = await api.world.report()
            let asked = Set(report.byOperation.keys)
            #expect(asked == Set(SandboxOperation.allCases.map(\.rawValue)).subtracting(["me"]))
        }
    }
}

/// A Python that has `factpulse==4.4.0` and `requests`, which the package's helper imports but does not declare: the one `FACTPULSE_PYTHON` names, else one made once under `.build`.
enum OfficialPython {
    static let script = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "official_client.py")
        .path()

    static func path() async throws -> String {
        if let given = ProcessInfo.processInfo.environment["FACTPULSE_PYTHON"] { return given }
        let home = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../.build/python-sdk")
            .standardizedFileURL.path(percentEncoded: false)
        let python = home + "/bin/python"
        if try await Program.run(python, ["-c", "import factpulse, requests"]).status == 0 { return python }
        let cure =
            "give FACTPULSE_PYTHON the path of a Python with factpulse==4.4.0 and requests, or install python3 with venv and pip"
        for (program, arguments) in [
            ("python3", ["-m", "venv", "--clear", home]),
            (python, ["-m", "pip", "install", "--quiet", "factpulse==4.4.0", "requests"]),
        ] {
            let run = try await Program.run(program, arguments)
            guard run.status == 0 else { throw Unexpected(what: "\(run.output)\n\(cure)") }
        }
        return python
    }
}
