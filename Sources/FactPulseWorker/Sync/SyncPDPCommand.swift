import ArgumentParser
import Foundation
import Jobs

struct SyncPDPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pdp",
        abstract: "Reads the PDP and webhook-secret status of clients into the local table.",
        discussion: """
            EXAMPLES:
              factpulse-worker sync pdp
              factpulse-worker sync pdp --wait --json
              factpulse-worker sync pdp --all --wait

            Reads clients that have changed or were never read, and those whose status would
            become older than FACTPULSE_PDP_MAX_AGE. Clients without a PDP configuration
            cost no call: the client list tells. So run factpulse-worker sync clients first.
            """
    )

    @Flag(help: "Read every client that has a configuration, however fresh its status is.")
    var all = false
    @OptionGroup var options: SyncOptions

    func run() async throws {
        guard let job = try await SyncJob.start(options, enqueue: { try await $0.startPDP(all: all) })
        else { return }
        let line = ProgressLine("PDP status", counting: "clients", isSilent: options.output.json)
        let plan = try await job.follow(line, as: SyncPDP.Report.self) { .init(done: 0) }
        let failed = try await job.followSlices(of: plan, line)
        let reason = failed > 0 ? try await job.store.pdpFailure(sync: plan.sync) : nil
        await job.close()
        if options.output.json {
            try Output.json(SyncAnswer(job: job.id, report: plan, failed: failed))
        } else {
            try Output.print(Self.text(plan, failed))
        }
        if let warning = plan.warning { Messages.write(warning) }
        if failed > 0 {
            throw Failure(
                .unavailable,
                "\(failed.counted("client")) could not be read (\(reason ?? "their job was cancelled")): run the command again"
            )
        }
    }

    private static func text(_ plan: SyncPDP.Report, _ failed: Int) -> String {
        "\(plan.clients.counted("client")), \(plan.configured.grouped) with a PDP configuration: "
            + "\((plan.due - failed).grouped) read, \(plan.written.grouped) written from the list"
    }
}
