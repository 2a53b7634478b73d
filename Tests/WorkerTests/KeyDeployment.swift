import FactPulse
import Foundation
import KeyVault
import Logging
import Sandbox
import TestSupport

/// A ``WorkerFixture`` with a KEK and an escrow file, and one client whose PDP secret is under a key.
enum KeyDeployment {
    /// - Parameter body: Is given the settings that a worker needs for keys, the client's uid, and its key in base64. The vault
    ///   does not know the key yet.
    static func with(
        faults: [FaultRule] = [],
        _ body: (WorkerFixture, [String: String], _ uid: String, _ key: String) async throws -> Void
    ) async throws {
        try await WorkerFixture.with(faults: faults) { fixture in
            let kek = SecretBytes.randomKey().withBytes { Data($0).base64EncodedString() }
            let path = try fixture.programs.write(kek + "\n", to: "kek")
            try FileManager.default.setAttributes([.posixPermissions: 0o400], ofItemAtPath: path)
            let escrow = URL(filePath: path).deletingLastPathComponent().appending(path: "escrow.jsonl").path
            let settings = ["FACTPULSE_KEK_FILE": path, "FACTPULSE_ESCROW_FILE": escrow]
            let key = SecretBytes.randomKey()
            let uid = try await makeClient(fixture, key)
            try await body(fixture, settings, uid, key.withBytes { Data($0).base64EncodedString() })
        }
    }

    private static func makeClient(_ fixture: WorkerFixture, _ key: SecretBytes) async throws -> String {
        let configuration = try FactPulseConfiguration(
            baseURL: fixture.sandbox.url,
            credentials: .password(email: SandboxConfiguration().email, Secret(SandboxConfiguration().password))
        )
        let api = FactPulseClient(configuration, gate: OpenGate(), logger: .quiet)
        let request = ClientCreateRequest(name: "Société", description: nil, siret: SandboxWorld.siret(1))
        let uid = try await api.account.createClient(request).uid
        let pdp = PDPConfigUpdateRequest(
            flowServiceUrl: "https://pdp.example/flow",
            tokenUrl: "https://pdp.example/token",
            oauthClientId: "id",
            clientSecret: Secret("pdp-secret"),
            encryptionMode: .double
        )
        _ = try await api.client(uid).updatePDPConfig(pdp, encryptionKey: key.withBytes { EncryptionKey(bytes: $0) })
        try await api.shutdown()
        return uid.text
    }
}
