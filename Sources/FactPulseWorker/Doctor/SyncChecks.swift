import Jobs

/// What is said of the tables of clients, by `doctor` and `status`.
enum SyncChecks {
    static func freshness(_ sync: SyncOverview) -> Finding {
        guard let stream = sync.streams.first(where: { !$0.isKept }) else {
            let count = sync.streams.count
            return .ok(count == 0 ? "nothing was synced yet" : "\(count.counted("table")) as fresh as promised")
        }
        if let warning = stream.warning { return .warning(warning) }
        let age = stream.age.map { "\(Duration.seconds($0).spoken) old" } ?? "not complete"
        return .warning(
            "the \(stream.name) of \(stream.account) are \(age), promised are \(Duration.seconds(stream.promise).spoken): "
                + "factpulse-worker sync \(stream.name)"
        )
    }
}
