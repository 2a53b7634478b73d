import ArgumentParser
struct StatusCommand: AsyncParsableCommand {
    func run() async throws {}
}
