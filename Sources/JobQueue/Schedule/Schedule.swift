import Foundation

/// Which job is made at which times.
package struct Schedule: Sendable, Equatable {
    /// How late a tick may fire and still count as on time: what a worker that restarts may take.
    package static let grace = Duration.seconds(60)

    /// Lower case, digits and hyphens.
    package var name: String
    package var kind: JobKind
    /// JSON text of an object.
    package var arguments: String
    package var queue: String
    package var cron: CronExpression
    package var zone: TimeZone
    package var missed: MissedPolicy
    /// Whether a job may be made while the one of an earlier tick has not ended. If not, such a tick is missed.
    package var overlap: Bool

    package init(
        name: String,
        kind: JobKind,
        arguments: String = "{}",
        queue: String = "default",
        cron: CronExpression,
        zone: TimeZone = .gmt,
        missed: MissedPolicy = .last,
        overlap: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.arguments = arguments
        self.queue = queue
        self.cron = cron
        self.zone = zone
        self.missed = missed
        self.overlap = overlap
    }

    /// What is to become of every tick from `first` until now. On time fires; late ones by policy.
    func judge(from first: Date, now: Date) -> [Verdict] {
        let instants = cron.instants(from: first, through: now, in: zone)
        let late = instants.prefix { $0 < now - Self.grace / .seconds(1) }.count
        let hasPunctual = late < instants.count
        let mended =
            switch missed {
            case .skip: 0
            // What a punctual one does, a late one need not do too.
            case .last: hasPunctual ? 0 : 1
            case .all(let most): most
            }
        return instants.enumerated().map { place, instant in
            let fires = place >= late - mended
            return Verdict(instant: instant, reason: fires ? nil : "no worker was there for it, and \(missed.reason)")
        }
    }

    /// What becomes of one tick.
    struct Verdict: Equatable {
        let instant: Date
        /// Why it is missed; `nil`: it fires.
        let reason: String?
    }
}

/// What becomes of ticks that no worker was there for.
package enum MissedPolicy: Sendable, Equatable, CustomStringConvertible {
    /// None of them fires.
    case skip
    /// The last one fires, unless one that is on time does.
    case last
    /// The last so many fire, each with a job of its own: 1 to 999.
    case all(atMost: Int)

    /// As it is written: `skip`, `last`, `all(max 10)`.
    package init?(_ text: String) {
        switch text {
        case "skip": self = .skip
        case "last": self = .last
        default:
            guard let match = text.wholeMatch(of: /all\(max ([1-9][0-9]{0,2})\)/), let most = Int(match.1) else {
                return nil
            }
            self = .all(atMost: most)
        }
    }

    package var description: String {
        switch self {
        case .skip: "skip"
        case .last: "last"
        case .all(let most): "all(max \(most))"
        }
    }

    fileprivate var reason: String {
        switch self {
        case .skip: "missed ones are skipped"
        case .last: "a later one fired"
        case .all(let most): "only the last \(most) are made up for"
        }
    }
}
