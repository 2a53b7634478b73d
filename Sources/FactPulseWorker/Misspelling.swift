import ArgumentParser

/// A command that does not exist. The parser takes it for an argument too many, and says no more.
enum Misspelling {
    /// - Parameter words: The command line, without the program's name.
    /// - Returns: `nil` when every command on it exists.
    static func find(in words: [String]) -> Failure? {
        var command: any ParsableCommand.Type = FactPulseWorker.self
        for word in words {
            let known = command.configuration.subcommands
            if known.isEmpty || word.hasPrefix("-") || word == "help" { return nil }
            guard let next = known.first(where: { $0.configuration.commandName == word }) else {
                return failure(word, among: known.compactMap { $0.configuration.commandName })
            }
            command = next
        }
        return nil
    }

    private static func failure(_ word: String, among names: [String]) -> Failure {
        let meant = DidYouMean.nearest(to: word, among: names).map { "did you mean \($0)?" }
        return Failure(.usage, "'\(word)' is no command: \(meant ?? "there are \(names.joined(separator: ", "))")")
    }
}
