import FactPulse
import Sandbox
import Testing

/// The client against the sandbox, whose wire types are its own: a wrong name on either side shows here.
struct SandboxContractTests {
    private func withSandbox(
        _ configuration: SandboxConfiguration = .init(),
        _ body: (FactPulseClient, SandboxServer) async throws -> Void
    ) async throws {
        try await SandboxServer.withServer(configuration) { server in
            let credentials = FactPulseCredentials.password(email: configuration.email, Secret(configuration.password))
            try await withClient(server.url, credentials) { client in try await body(client, server) }
        }
    }

    @Test func `all twelve operations work, one after the other, on one client's life`() async throws {
        try await withSandbox { client, _ in
            let request = ClientCreateRequest(name: "Café « Été »", description: "a", siret: "73282932000074")
            let created = try await client.account.createClient(request)
            #expect(created.name == request.name && created.siret == request.siret && created.isActive)
            let list = try await client.account.listClients()
            #expect(list.total == 1 && list.results == [created] && list.isLast)

            let one = client.client(created.uid)
            #expect(try await one.get() == created)
            let updated = try await one.update(ClientUpdateRequest(name: .set("Bar"), description: .clear))
            #expect(updated.name == "Bar" && updated.description == nil && updated.siret == request.siret)
            #expect(try await one.deactivate().isActive == false)
            #expect(try await one.activate().isActive)

            #expect(try await one.pdpConfig().isConfigured == false)
            let config = try await one.updatePDPConfig(pdpRequest, encryptionKey: oldKey)
            #expect(config.isConfigured && config.encryptionMode == "double" && config.isActive == true)
            #expect(config.secretStatus?.requiresClientKey == true)
            let rotation = try await one.rotateEncryptionKey(from: oldKey, to: newKey)
            #expect(rotation.isComplete && rotation.rotatedCount == 1)
            let again = await failure { () async throws(FactPulseError) in
                try await one.rotateEncryptionKey(from: oldKey, to: newKey)
            }
            #expect(again?.outcome == .refused(status: 400), "the old key is dead")

            #expect(try await one.webhookSecretStatus().hasSecret == false)
            let webhook = try await one.generateWebhookSecret()
            #expect(webhook.success && !webhook.webhookSecret.isEmpty)
            #expect(try await one.webhookSecretStatus().createdAt == webhook.createdAt)
            #expect(try await one.deleteWebhookSecret().success)
            #expect(try await one.webhookSecretStatus().hasSecret == false)
        }
    }

    @Test func `a wrong password is told apart from a client that does not exist`() async throws {
        try await SandboxServer.withServer { server in
            let wrong = FactPulseCredentials.password(email: "demo@factpulse.test", Secret("not-the-password"))
            try await withClient(server.url, wrong) { client in
                let error = await failure { () async throws(FactPulseError) in try await client.account.listClients() }
                #expect(error?.outcome == .credentialsRefused)
            }
        }
        try await withSandbox { client, _ in
            _ = try await client.account.listClients()
            let error = await failure { () async throws(FactPulseError) in try await client.client(uid).get() }
            #expect(error?.outcome == .refused(status: 404) && error?.code == "client_not_found")
        }
    }

    @Test func `what the server finds wrong with a field is named`() async throws {
        try await withSandbox { client, _ in
            let error = await failure { () async throws(FactPulseError) in
                try await client.account.createClient(ClientCreateRequest(name: "A", siret: "123"))
            }
            #expect(error?.outcome == .refused(status: 422) && error?.fields.map(\.field) == ["siret"])
        }
    }

    @Test(arguments: [
        FaultRule.Kind.statusAfter, .cutAfter, .truncate, .notJSON,
    ]) func `an effect whose answer is lost is uncertain, and happened once`(fault: FaultRule.Kind) async throws {
        let faults = [FaultRule(fault, on: "createClient")]
        try await withSandbox(SandboxConfiguration(faults: faults)) { client, server in
            let error = await failure { () async throws(FactPulseError) in
                try await perform(.createClient, on: client)
            }
            guard case .uncertain = error?.outcome else {
                Issue.record("\(fault) must be uncertain, got \(String(describing: error))")
                return
            }
            #expect(await server.world.report().clients == 1)
        }
    }

    @Test func `tokens that the server forgets are renewed without anyone noticing`() async throws {
        try await withSandbox { client, server in
            try await perform(.createClient, on: client)
            await server.world.expireTokens()
            try await perform(.createClient, on: client)
            #expect(await server.world.report().clients == 2)
        }
    }
}
