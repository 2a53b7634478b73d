import ArgumentParser
import KeyVault
import Postgres

struct KeysResolve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resolve",
        abstract: "Says which key of a client is live, where a rotation waits for a person.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys resolve 0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e \\
                  --live 3 --reason 'Chorus Pro secret was set anew'

            Where the secrets are under two keys (split), or under none that is here (lost):
            decide for one version, say so here, then set the client's secrets under it: the
            PDP secret with bulk configure-pdp, the Chorus Pro secret in FactPulse's
            dashboard. No key is forgotten: if the version was not the one, the next rotation
            tries the others.
            """
    )

    @Argument(help: "The client's uid.") var uid: String
    @Option(help: "The version, as keys status shows it.") var live: Int
    @Option(help: "Why, for the audit log.") var reason: String
    @OptionGroup var common: CommonOptions

    func validate() throws {
        if reason.allSatisfy(\.isWhitespace) { throw ValidationError("--reason says why, for the audit log.") }
    }

    func run() async throws {
        let client = try ClientArgument.read(uid)
        let settings = try common.settings()
        let resolved = try await settings.withVault { vault in
            do {
                return try await vault.resolve(client, live: live, actor: settings.person, reason: reason)
            } catch let error as Vault.RotationOver {
                throw Failure(.tryLater, "\(error): look with factpulse-worker keys status \(client.lowercased)")
            }
        }
        switch resolved {
        case .done: try Output.print("client \(client.lowercased): version \(live) is active")
        case .nothingToResolve:
            let look = "look with factpulse-worker keys status \(client.lowercased)"
            throw Failure(.usage, "no rotation of \(client.lowercased) waits for a person: \(look)")
        case .unknownVersion(let known):
            let versions = known.map(String.init).joined(separator: ", ")
            throw Failure(.usage, "the vault has no version \(live) of \(client.lowercased): it has \(versions)")
        }
    }
}
