import ArgumentParser

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Verifies and prints the log of who used which key.",
        discussion: """
            EXAMPLES:
              factpulse-worker audit verify
              factpulse-worker audit export --since 2026-01-01T00:00:00Z

            Each use of a key has an entry before it and one after; each entry holds the digest of the
            one before. Keys are named by their fingerprints.
            """,
        subcommands: [AuditVerify.self, AuditExport.self]
    )
}
