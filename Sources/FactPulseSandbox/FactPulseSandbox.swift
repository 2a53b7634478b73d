import ArgumentParser
import Foundation
import Sandbox

@main
struct FactPulseSandbox: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "factpulse-sandbox",
        abstract: "Plays the FactPulse client API on this machine, with faults on demand. State is in memory.",
        discussion: Manual.text
    )

    @Option(help: "The port; 0 for any free one.") var port = 8765
    @Option(help: "A loopback address.") var host = "127.0.0.1"
    @Option(help: "A fault file; see above.") var faults: String?
    @Option(help: "The account's e-mail address.") var email = SandboxConfiguration().email
    @Option(
        help: "A file that holds the account's password. Default: the password is \(SandboxConfiguration().password)."
    ) var passwordFile: String?
    @Option(help: "How many clients exist from the start.") var clients = 0

    func run() async throws {
        var configuration = SandboxConfiguration()
        configuration.port = port
        configuration.host = host
        configuration.email = email
        configuration.clients = clients
        if let passwordFile {
            configuration.password = try String(contentsOfFile: passwordFile, encoding: .utf8)
                .trimmingCharacters(in: .newlines)
        }
        if let faults {
            try configuration.apply(json: Data(contentsOf: URL(filePath: faults)))
        }
        try await SandboxServer.run(configuration) { url in
            // Written at once: who started us through a pipe waits for this line.
            FileHandle.standardOutput.write(Data("factpulse-sandbox listening on \(url)\n".utf8))
        }
    }
}
