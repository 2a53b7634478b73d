import ArgumentParser

/// What every command takes.
struct CommonOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp("Settings as lines of NAME=value, for what the environment does not set.", valueName: "file")
    )
    var config: String?

    func settings() throws -> Settings {
        try Settings.load(file: config)
    }
}

/// What commands that print data take.
struct JSONOption: ParsableArguments {
    @Flag(help: "Print one JSON object instead of text for people.")
    var json = false
}
