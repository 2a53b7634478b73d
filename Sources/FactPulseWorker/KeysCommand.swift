import ArgumentParser

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "Shows and rotates the clients' encryption keys.",
        discussion: """
            EXAMPLES:
              factpulse-worker keys status
              factpulse-worker keys plan --every 90
              factpulse-worker keys rotate 0b7d6e1c-3a52-4d9e-9c55-1f2a3b4c5d6e
              factpulse-worker keys verify-escrow

            Keys are shown by their fingerprints, never themselves. Workers need FACTPULSE_KEK_FILE and
            FACTPULSE_ESCROW_FILE to rotate them.
            """,
        subcommands: [
            KeysStatus.self, KeysPlan.self, KeysRotate.self, KeysResolve.self, KeysImport.self, KeysRewrap.self,
            KeysVerifyEscrow.self,
            KeysRestore.self,
        ]
    )
}
