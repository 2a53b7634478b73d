import FactPulse
import Logging

/// The looks at the FactPulse API. Nothing is changed there.
struct APIExamination {
    /// For one answer; a shorter FACTPULSE_REQUEST_TIMEOUT wins.
    private static let patience = Duration.seconds(5)

    private let settings: Settings
    private let diagnosis: Diagnosis

    init(_ settings: Settings, _ diagnosis: Diagnosis) {
        self.settings = settings
        self.diagnosis = diagnosis
    }

    /// - Returns: How far the API's clock is ahead of this host's; `nil` when it did not say.
    func run(_ logger: Logger) async -> Duration? {
        do {
            var configuration = try settings.factPulse()
            configuration.requestTimeout = min(configuration.requestTimeout, Self.patience)
            configuration.tokenTimeout = Self.patience
            let api = FactPulseClient(configuration, gate: OpenGate(), logger: logger)
            let offset = await examine(api, at: configuration.baseURL)
            try await api.shutdown()
            return offset
        } catch {
            diagnosis[.api] = Finding(error)
            return nil
        }
    }

    private func examine(_ api: FactPulseClient, at address: String) async -> Duration? {
        var offset: Duration?
        let isThere = await diagnosis.look(.api) {
            let greeting = try await api.greet()
            offset = greeting.clockOffset
            return Self.finding(greeting, at: address)
        }
        if isThere { await examine(api) }
        return offset
    }

    private static func finding(_ greeting: Greeting, at address: String) -> Finding {
        let time = "\(Int((greeting.roundTrip.inSeconds * 1000).rounded())) ms"
        switch greeting.status {
        case 300..<400:
            return .failed(
                .configuration,
                "\(address) answers with a redirect: set FACTPULSE_API_URL to where it leads"
            )
        case 404: return .failed(.configuration, "\(address) does not know the API: check FACTPULSE_API_URL")
        case 500...:
            return .failed(.unavailable, "\(address) answers with an error (HTTP \(greeting.status)): try again later")
        default: return .ok("\(address) answered in \(time)")
        }
    }

    private func examine(_ api: FactPulseClient) async {
        let isIn = await diagnosis.look(.credentials) {
            _ = try await api.account.admit(for: .token)
            return .ok("a login was accepted")
        }
        guard isIn else { return }
        await diagnosis.look(.clients) {
            let list = try await api.account.listClients(page: 1, pageSize: 1)
            return .ok("the list can be read: \(list.total.counted("client"))")
        }
        await diagnosis.look(.quota) { await quota(api) }
    }

    private func quota(_ api: FactPulseClient) async -> Finding {
        let account: AccountProbe
        do {
            account = try await api.account.me()
        } catch {
            // It is no part of what the worker needs.
            return .skipped("the server does not tell it (\(error))")
        }
        guard let limit = account.quotaLimit, let left = account.remaining else {
            return .skipped("the server does not tell it")
        }
        let plan = account.plan.map { " in the plan \($0)" } ?? ""
        let words = "\(max(0, left).grouped) of \(limit.grouped) calls are left\(plan)"
        return left * 10 <= limit ? .warning("\(words): ask FactPulse for more before a long run") : .ok(words)
    }
}

extension AccountProbe {
    /// Told, or reckoned.
    fileprivate var remaining: Int? {
        if let quotaRemaining { return quotaRemaining }
        guard let quotaLimit, let quotaUsed else { return nil }
        return quotaLimit - quotaUsed
    }
}
