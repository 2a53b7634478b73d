/// What one look found: one line that also says the cure, where one is needed.
enum Finding: Sendable {
    case ok(String)
    case warning(String)
    /// - Parameter status: What the program ends with, should this be the first failure.
    case failed(ExitStatus, String)
    case skipped(String)

    /// What an error means, in the words that any other command would end with.
    init(_ error: any Error) {
        let failure = Failure(error) ?? Failure(.bug, "\(error): this is a bug, please report it")
        self = .failed(failure.status, failure.message)
    }

    /// One line, whatever a setting or a server put into it.
    var message: String {
        switch self {
        case .ok(let message), .warning(let message), .failed(_, let message), .skipped(let message):
            message.split(whereSeparator: \.isNewline).joined(separator: " ")
        }
    }

    /// As the reports call it.
    var word: String {
        switch self {
        case .ok: "ok"
        case .warning: "warning"
        case .failed: "failed"
        case .skipped: "skipped"
        }
    }

    var isOK: Bool {
        if case .ok = self { true } else { false }
    }
}
