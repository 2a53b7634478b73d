import Foundation
import Postgres
import Sandbox
import TestSupport
import Testing

/// Secrets stay out of what people read, also where everything is logged.
@Suite(.database)
struct CLISecretTests {
    @Test func `a worker that logs all there is shows no password and no token, one event a line`() async throws {
        let password = "hunter2-\(UUID().uuidString)"
        try await Programs.with { programs in
            let secret = try programs.write("\(password)\n", to: "password")
            let sandbox = try programs.start("factpulse-sandbox", ["--port", "0", "--password-file", secret])
            let words = "listening on "
            let line = try await eventually("the sandbox tells its address", else: sandbox.tail) {
                try sandbox.stdout().split(separator: "\n").first { $0.contains(words) }
            }
            let settings = [
                "DATABASE_URL": TestDatabase.current.url, "FACTPULSE_EMAIL": SandboxConfiguration().email,
                "FACTPULSE_API_URL": String(line.replacing("factpulse-sandbox listening on ", with: "")),
                "FACTPULSE_PASSWORD_FILE": secret, "FACTPULSE_LOG_LEVEL": "trace", "FACTPULSE_LOG_FORMAT": "json",
            ]
            let file = try programs.write("nom;siret\nA;\(SandboxWorld.siret(1))\n", to: "a.csv")
            var output = ""
            for arguments in [["migrate"], ["bulk", "create-clients", file], ["run", "--drain"], ["doctor"]] {
                let ended = try await programs.run("factpulse-worker", arguments, environment: settings)
                #expect(ended.exit == .code(0), "\(ended.stderr)")
                output += ended.stdout + ended.stderr
            }
            #expect(!output.contains(password))
            // How every JSON Web Token begins.
            #expect(!output.contains("eyJ"))
            let events = output.split(separator: "\n").filter { $0.hasPrefix("{") }
            #expect(events.count > 5)
            for event in events { #expect(event.count < 2_000, "\(event)") }
        }
    }

    @Test func `a secret in the place of its file's path is not repeated`() async throws {
        let secrets = ["hunter2", "/hunter2/x+y=", String(repeating: "hunter2", count: 600)]
        for name in ["FACTPULSE_PASSWORD_FILE", "FACTPULSE_API_KEY_FILE", "FACTPULSE_KEK_FILE"] {
            for secret in secrets {
                var settings = ["DATABASE_URL": TestDatabase.current.url, name: secret]
                if name == "FACTPULSE_PASSWORD_FILE" { settings["FACTPULSE_EMAIL"] = "a@b.example" }
                settings["FACTPULSE_ESCROW_FILE"] = "/tmp/none"
                let ended = try await CLI.run(["keys", "rewrap"], settings: settings)
                expectFailure(ended, 78)
                #expect(!ended.stderr.contains("hunter2"), "\(name)")
            }
        }
    }
}
