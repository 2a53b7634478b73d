import FactPulse
import JobQueue
import KeyVault
import Logging

/// What became of one client's rotation, when no more can be done about it now.
enum RotationResult: Sendable {
    case ended(RotationReport)
    /// Something stands against it that is no failure, such as a deactivated client. Nothing was made and nothing sent.
    case skipped(reason: String)
    /// The vault has no key of this client.
    case noKey(reason: String)
    /// FactPulse does not even show the client. Nothing was sent.
    case refused(FactPulseError)
    /// Go on with it then. Whatever was sent is written down, and every key is kept.
    case later(Duration)
}

extension RotationResult {
    /// For a job that does nothing else.
    func outcome(_ logger: Logger) throws -> JobOutcome {
        switch self {
        case .ended(let report):
            guard let alarm = report.alarm else {
                return try .completed(["rotation": report.end.rawValue, "reason": report.text])
            }
            logger.critical("\(alarm)", metadata: ["client": "\(report.client)", "state": "\(report.end.rawValue)"])
            return .failed(reason: alarm)
        case .skipped(let reason):
            logger.notice("The client's key is not rotated", metadata: ["reason": "\(reason)"])
            return try .completed(["rotation": "skipped", "reason": reason])
        case .noKey(let reason): return .failed(reason: reason)
        case .refused(let error): return .failed(reason: error.description)
        case .later(let wait): return .snooze(wait)
        }
    }
}
