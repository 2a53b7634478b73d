import JobQueue

extension Catalogue {
    /// What every kind declares of itself, for those who make jobs but run none: it takes no API.
    package static var policies: [(kind: JobKind, policy: JobPolicy)] {
        let handlers: [any JobHandler.Type] = [
            StartRun.self, CreateClient.self, SettleCreates.self, ChangeClient.self, FinishRun.self, RotateKey.self,
            RotateDueKeys.self, SyncClients.self, SyncPDP.self, SyncPDPSlice.self,
        ]
        return handlers.map { ($0.kind, $0.policy) }
    }
}
