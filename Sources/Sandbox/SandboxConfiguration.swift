import Foundation

/// What a sandbox starts with.
package struct SandboxConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0: the system picks a free port.
    package var port = 0
    package var email = "demo@factpulse.test"
    package var password = "demo-password"
    package var options = SandboxOptions()
    package var faults: [FaultRule] = []
    /// The same seed and the same requests give the same faults.
    package var seed: UInt64 = 1
    /// How many clients exist from the start.
    package var clients = 0

    package init() {}

    package init(
        options: SandboxOptions = .init(),
        faults: [FaultRule] = [],
        seed: UInt64 = 1,
        clients: Int = 0
    ) {
        self.options = options
        self.faults = faults
        self.seed = seed
        self.clients = clients
    }

    /// Takes `options`, `faults` and `seed` from a JSON object; what it does not name stays.
    /// - Throws: ``SandboxError/badConfiguration(_:)``; nothing has then changed.
    package mutating func apply(json: Data) throws {
        var settings = FaultSettings(options: options, faults: faults, seed: seed)
        try settings.apply(json: json)
        (options, faults, seed) = (settings.options, settings.faults, settings.seed)
    }
}
