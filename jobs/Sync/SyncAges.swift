/// How old the tables of clients may become.
package struct SyncAges: Sendable {
    /// Of the client list. Default: a day.
    package var clients: Duration
    /// Of each client's PDP status. Default: a day.
    package var pdp: Duration

    package init(clients: Duration = .seconds(86_400), pdp: Duration = .seconds(86_400)) {
        self.clients = clients
        self.pdp = pdp
    }
}
