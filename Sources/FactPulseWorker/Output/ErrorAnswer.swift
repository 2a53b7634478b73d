/// What `--json` prints where a command has nothing else to print: why it failed.
struct ErrorAnswer: Encodable {
    let schemaVersion = 1
    /// The exit code.
    let code: Int32
    /// What standard error says after "Error: ".
    let error: String

    /// Prints the object where JSON was asked for and no other object was begun.
    func print() {
        guard Self.isAskedFor(CommandLine.arguments), !Output.hasBegun else { return }
        do {
            try Output.json(self)
        } catch {
            // Standard error and the exit code say the same.
        }
    }

    /// The command line may be one that cannot be parsed.
    static func isAskedFor(_ arguments: [String]) -> Bool {
        let words = arguments.dropFirst().prefix { $0 != "--" }
        return words.contains("--json") || words.contains("--format=json")
            || zip(words, words.dropFirst()).contains { $0 == "--format" && $1 == "json" }
    }
}
