import JobQueue
import Logging

/// Brings a worker's schedules from where they are written to where all workers see them.
struct ScheduleKeeper: Sendable {
    let source: ScheduleSource
    let scheduler: Scheduler
    let logger: Logger

    /// For SIGHUP: reads the file again. What cannot be used changes nothing.
    func reload() async {
        guard case .file(let path) = source else {
            logger.notice("There is no file of schedules to read again; run --schedules FILE names one")
            return
        }
        do {
            try await scheduler.replace(with: source.read())
            logger.notice("The schedules were read again", metadata: ["file": "\(path)"])
        } catch {
            logger.error("The schedules stay as they were", metadata: ["error": "\(error)"])
        }
    }

    /// Looks at the schedules when another program says that they changed.
    @Sendable func hear(channel: String) {
        if channel == JobStore.scheduleChannel { scheduler.wake() }
    }
}
