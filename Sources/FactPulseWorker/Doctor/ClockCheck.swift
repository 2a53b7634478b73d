/// Whether the three clocks agree: this host's, the database's and the API's.
enum ClockCheck {
    /// The API tells whole seconds.
    private static let tolerance = Duration.seconds(10)

    /// - Parameters: How far each is ahead of this host's; `nil` when it could not be asked.
    static func finding(database: Duration?, api: Duration?) -> Finding? {
        guard database != nil || api != nil else { return nil }
        let offsets: [(name: String, offset: Duration?)] = [("the database's", database), ("FactPulse's", api)]
        for case (let name, let offset?) in offsets where offset > tolerance || offset < .zero - tolerance {
            let way = offset > .zero ? "behind" : "ahead of"
            let size = offset > .zero ? offset : .zero - offset
            return .warning("this host's is \(size.spoken) \(way) \(name): switch on time synchronisation (NTP)")
        }
        if let database, let api, database - api > tolerance || api - database > tolerance {
            return .warning("the database's and FactPulse's differ: switch on time synchronisation (NTP) on both")
        }
        let asked = offsets.filter { $0.offset != nil }.map(\.name).joined(separator: " and ")
        return .ok("this host's agrees with \(asked)")
    }
}
