import Foundation

/// What can be said of the settings without leaving this host.
enum SettingsCheck {
    static func settings(_ settings: Settings) -> Finding {
        if let name = settings.unknownNames.first {
            let meant = DidYouMean.nearest(to: name, among: Settings.names).map { ": did you mean \($0)?" } ?? ""
            return .warning("\(name) is no setting of this program\(meant)")
        }
        if settings.credentials == nil { return .ok("readable; no credentials are set") }
        return .ok("readable, for the account \(settings.login) at \(settings.shownURL)")
    }

    /// Whether anybody but the owner and a group may read the files, or anybody but the owner write them.
    static func secrets(_ files: [String]) -> Finding {
        guard !files.isEmpty else { return .ok("no secret is read from a file") }
        for file in files {
            var status = stat()
            guard stat(file, &status) == 0, status.st_mode & 0o037 != 0 else { continue }
            let mode = String(status.st_mode & 0o777, radix: 8)
            return .warning("\(file) has the mode 0\(mode), so others may read or change it: chmod 0400 \(file)")
        }
        return .ok(files.count == 1 ? "1 file, closed to others" : "\(files.count) files, closed to others")
    }
}
