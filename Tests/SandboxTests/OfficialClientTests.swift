import Foundation
import Sandbox
import TestSupport
import Testing

@Suite struct OfficialClientTests {
    private static let script = URL(filePath: #filePath).deletingLastPathComponent()
        .appending(path: "official_client.py").path(percentEncoded: false)

    @Test(.timeLimit(.minutes(5))) func `the vendor's own package works against the sandbox, unchanged`() async throws {
        let python = try await TestPython.path()
        try await withSandbox { api async throws in
            let run = try await Program.run(python, [Self.script, api.server.url])
            #expect(run.status == 0, "\(run.output)")
            #expect(run.output.contains("all done"))
            let report = await api.world.report()
            let asked = Set(report.byOperation.keys)
            #expect(asked == Set(SandboxOperation.allCases.map(\.rawValue)).subtracting(["me"]))
        }
    }
}
