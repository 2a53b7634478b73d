import ArgumentParser
import Foundation
import Jobs

struct SyncClientsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clients",
        abstract: "Reads the server's client list into the local table of clients.",
        discussion: """
            EXAMPLES:
              factpulse-worker sync clients
              factpulse-worker sync clients --wait --json
              factpulse-worker sync clients --allow-mass-delete --wait

            A client that is gone from the list is marked as deleted after two complete
            syncs, when the server says that it does not know it. More than 10, or 2 % of
            all, at once are only marked with --allow-mass-delete.
            """
    )

    @Flag(help: "Mark any number of clients as deleted that are gone.")
    var allowMassDelete = false
    @OptionGroup var options: SyncOptions

    func run() async throws {
        guard
            let job = try await SyncJob.start(
                options,
                enqueue: { try await $0.startClients(allowMassDelete: allowMassDelete) }
            )
        else { return }
        let line = ProgressLine("clients", counting: "clients", isSilent: options.output.json)
        let report = try await job.follow(line, as: SyncClients.Report.self) {
            try await job.store.clientsProgress(job: job.id)
        }
        await job.close()
        if options.output.json {
            try Output.json(SyncAnswer(job: job.id, report: report))
        } else {
            try Output.print(Self.text(report))
        }
        if report.tooMany > 0 {
            throw Failure(
                .troubled,
                "\(report.tooMany.counted("client")) gone at once, which is more than is believed: if they really are, "
                    + "factpulse-worker sync clients --allow-mass-delete"
            )
        }
        if report.outcome == "partial" {
            throw Failure(
                .tryLater,
                "the list changed all the time, so a client may have been missed: run the command again"
            )
        }
    }

    private static func text(_ report: SyncClients.Report) -> String {
        let words = [
            (report.appeared, "new"), (report.changed, "changed"), (report.revived, "back again"),
            (report.deleted, "deleted"), (report.missing, "missing"),
        ].filter { $0.0 > 0 }.map { "\($0.0.grouped) \($0.1)" }
        let news = words.isEmpty ? "nothing has changed" : words.joined(separator: ", ")
        return "\(report.clients.counted("client")), \(report.outcome): \(news)"
    }
}
