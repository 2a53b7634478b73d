import Logging
import Postgres

/// Looks at everything that must be right for the worker to do its work, and changes nothing.
struct Doctor {
    /// For all of it. What cannot be reached takes 5 s to say so.
    private static let limit = Duration.seconds(15)

    let config: String?

    func examine() async -> Diagnosis {
        let diagnosis = Diagnosis()
        let settings: Settings
        do {
            settings = try Settings.load(file: config)
        } catch {
            diagnosis[.settings] = Finding(error)
            return diagnosis
        }
        diagnosis[.settings] = SettingsCheck.settings(settings)
        diagnosis[.secrets] = SettingsCheck.secrets(settings.secretFiles)
        // Its own log lines would stand between those of the report.
        let logger = Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() }
        await spend(atMost: Self.limit) {
            async let database = DatabaseExamination(settings, diagnosis).run(logger)
            async let api = APIExamination(settings, diagnosis).run(logger)
            diagnosis[.clock] = await ClockCheck.finding(database: database, api: api)
        }
        return diagnosis
    }
}
