import Foundation
import Testing

/// How large the tests are that kill things: small in `scripts/test`; `scripts/chaos` sets the variables.
enum Chaos {
    /// Rows of the import whose workers are killed.
    static let rows = Int(number("CHAOS_ROWS", 150))
    /// Rows of each run that changes clients while workers are killed.
    static let changes = Int(number("CHAOS_CHANGES", 40))
    /// Clients whose keys are rotated again and again, and how many workers are killed meanwhile.
    static let keyClients = Int(number("CHAOS_KEY_CLIENTS", 12))
    static let keyKills = Int(number("CHAOS_KEY_KILLS", 4))
    /// Clients of the runs whose rate is measured.
    static let keyRateClients = Int(number("CHAOS_KEY_RATE_CLIENTS", 20))
    /// How often a worker dies at each place of a rotation.
    static let keyCrashes = Int(number("CHAOS_KEY_CRASHES", 1))
    /// Between two kills.
    static let killEvery = Duration.seconds(number("CHAOS_KILL_EVERY", 1))
    /// How often the time to a rescue is taken.
    static let rescues = Int(number("CHAOS_RESCUES", 2))
    /// Seconds from a kill to a rescue. On a machine that runs other tests too, things take longer.
    static let rescueLimit = number("CHAOS_RESCUE_LIMIT", 40)
    /// How long a worker is stopped. Others have its jobs after 15 to 18 seconds.
    static let pause = Duration.seconds(number("CHAOS_PAUSE", 21))
    /// Rows of the import whose rate is measured.
    static let rateRows = Int(number("CHAOS_RATE_ROWS", 250))
    /// Least part of the permitted rate that must be used. A loaded machine may not get further.
    static let leastUsed = number("CHAOS_LEAST_USED", 0)

    /// Clients whose PDP status is read while workers are killed; a tenth has a configuration.
    static let pdpClients = Int(number("CHAOS_PDP_CLIENTS", 400))
    /// Clients of the list that is synced twice.
    static let syncClients = Int(number("CHAOS_SYNC_CLIENTS", 3_000))
    /// Over which schedules run while workers are killed, by a clock that the test moves.
    static let days = number("CHAOS_DAYS", 2)
    static let scheduleKills = Int(number("CHAOS_SCHEDULE_KILLS", 5))

    private static func number(_ name: String, _ standard: Double) -> Double {
        guard let text = ProcessInfo.processInfo.environment[name] else { return standard }
        guard let number = Double(text) else { preconditionFailure("\(name) is no number") }
        return number
    }
}

/// What was measured. Each figure goes to the file that `CHAOS_FIGURES` names, if it names one, for `scripts/chaos` to show.
struct Figures {
    let title: String

    /// A figure without a promise.
    func note(_ name: String, _ value: some CustomStringConvertible) throws {
        try write([title, name, value.description, "", ""])
    }

    /// A figure that a promise was made about. Fails the test where it is broken.
    func expect(
        _ name: String,
        _ value: some CustomStringConvertible,
        _ promise: String,
        _ isKept: Bool,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        #expect(isKept, "\(title): \(name) is \(value), promised: \(promise)", sourceLocation: sourceLocation)
        try write([title, name, value.description, promise, isKept ? "kept" : "BROKEN"])
    }

    private func write(_ cells: [String]) throws {
        guard let path = ProcessInfo.processInfo.environment["CHAOS_FIGURES"] else { return }
        let line = Data((cells.joined(separator: "\t") + "\n").utf8)
        // One write to the end of the file: several tests may be at it.
        let file = open(path, O_WRONLY | O_APPEND | O_CREAT, 0o644)
        guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(file) }
        let written = line.withUnsafeBytes { Foundation.write(file, $0.baseAddress, $0.count) }
        guard written == line.count else { throw CocoaError(.fileWriteUnknown) }
    }
}
