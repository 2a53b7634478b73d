/// A setting that cannot be used. Never quotes a value that may be secret.
struct SettingsError: Error, CustomStringConvertible {
    let key: String
    let problem: String
    let cure: String

    var description: String { "\(key) \(problem): \(cure)" }
}
