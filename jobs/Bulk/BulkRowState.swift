import Postgres

/// Where a row of a bulk run is. ARCHITECTURE.md has the diagram.
package enum BulkRowState: String, Sendable, CaseIterable, PostgresEncodable, PostgresDecodable {
    /// Valid; not yet compared with the server.
    case staged
    /// The file alone says that it cannot be sent.
    case rejected
    /// The same as an earlier row, or as one that another run is sending.
    case duplicate
    /// The server had this client before.
    case exists
    /// To be sent.
    case ready
    /// A call is about to leave, or has left and not been answered.
    case sending
    /// The client is there and its uid is known.
    case done
    /// The server said no.
    case failed
    /// The call may have been carried out. Only a reading of the server leaves this state.
    case uncertain
    /// The server does not tell which client is this row's: a person has to.
    case needsReview = "needs_review"
    /// Not wanted any more.
    case skipped

    /// Nothing more happens to it by itself.
    package var isFinal: Bool {
        switch self {
        case .staged, .ready, .sending, .uncertain: false
        case .rejected, .duplicate, .exists, .done, .failed, .needsReview, .skipped: true
        }
    }
}
