import FactPulse
import JobQueue
import KeyVault

/// Every kind of job that this worker knows. A new kind is added here and nowhere else.
package enum Catalogue {
    /// - Parameter vault: `nil`: this worker has no KEK, and leaves jobs that need one to others.
    package static func make(
        api: FactPulseClient,
        account: Account,
        times: SettleTimes,
        ages: SyncAges = SyncAges(),
        vault: Vault? = nil
    ) -> JobCatalogue {
        var catalogue = JobCatalogue()
        catalogue.add(StartRun(api: api, account: account))
        catalogue.add(CreateClient(api: api, account: account, times: times))
        catalogue.add(SettleCreates(api: api, account: account, times: times))
        catalogue.add(ChangeClient(api: api, account: account, times: times, vault: vault))
        catalogue.add(FinishRun())
        catalogue.add(RotateKey(api: api, vault: vault, times: times))
        catalogue.add(RotateDueKeys())
        catalogue.add(SyncClients(api: api, account: account, maxAge: ages.clients))
        catalogue.add(SyncPDP(api: api, account: account, maxAge: ages.pdp))
        catalogue.add(SyncPDPSlice(api: api, account: account))
        return catalogue
    }
}
