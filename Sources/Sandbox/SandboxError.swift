/// Why the sandbox could not start or could not take a configuration.
package enum SandboxError: Error, CustomStringConvertible {
    case notLoopback(String)
    case badConfiguration(String)
    case didNotStart

    package var description: String {
        switch self {
        case .notLoopback(let host):
            "the sandbox refuses to listen on \(host): it knows no real secrets and is open to all, "
                + "so use 127.0.0.1, ::1 or localhost"
        case .badConfiguration(let reason): "the sandbox configuration is not usable: \(reason)"
        case .didNotStart: "the sandbox stopped before it listened; the log says why"
        }
    }
}
