/// What a kind of job declares of itself: to the database, to operators, and to the worker that runs it.
package struct JobPolicy: Sendable {
    /// The JSON type of one argument. `queue.enqueue` refuses a job whose arguments do not fit.
    package enum Argument: String, Sendable {
        case number, string, boolean
        case optionalNumber = "number?"
        case optionalString = "string?"
        case optionalBoolean = "boolean?"
    }

    /// One sentence for people.
    package var description: String
    package var arguments: [String: Argument]
    /// Attempts that may end in an error before the job is failed. Default: 8.
    package var maximumAttempts: Int
    /// How often it may be to blame that its worker vanished, before it is quarantined: see ``JobStore/rescue``. Default: 3.
    package var maximumCrashes: Int
    /// How long one attempt may take; it is cancelled after that and the attempt counts. `nil`: no limit. Default: 10 min.
    package var timeout: Duration?
    package var backoff: Backoff

    package init(
        description: String,
        arguments: [String: Argument] = [:],
        maximumAttempts: Int = 8,
        maximumCrashes: Int = 3,
        timeout: Duration? = .seconds(600),
        backoff: Backoff = Backoff()
    ) {
        self.description = description
        self.arguments = arguments
        self.maximumAttempts = maximumAttempts
        self.maximumCrashes = maximumCrashes
        self.timeout = timeout
        self.backoff = backoff
    }
}
