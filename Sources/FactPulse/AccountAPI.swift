/// What can be done with the account: list its clients, create one.
package struct AccountAPI: Sendable {
    let session: Session
    let check: Departure.Check?

    /// The largest `pageSize` that the API takes.
    package static let largestPage = 100

    /// Gets the right to send one request now, see ``Admission``.
    /// - Parameter operation: What for; errors name it.
    /// - Throws: ``FactPulseError``. Nothing was sent but, at most, a login.
    package func admit(for operation: Operation = .createClient) async throws(FactPulseError) -> Admission {
        try await session.admit(operation, .account)
    }

    /// One page of the clients. Pages shift while clients are created: compare ``ClientListResponse/total``.
    /// - Parameters:
    ///   - page: From 1.
    ///   - pageSize: 1 to ``largestPage``; the server may use less and says so in its answer.
    package func listClients(
        page: Int = 1,
        pageSize: Int = Self.largestPage
    ) async throws(FactPulseError) -> ClientListResponse {
        let call = Call(operation: .listClients, scope: .account, query: "?page=\(page)&pageSize=\(pageSize)")
        return try await session.call(call, admission: nil, check: check) { body in
            try JSON.decode(ClientListResponse.self, from: body)
        }
    }

    /// Creates a client. There is no way to delete one.
    /// - Throws: ``FactPulseError``. `.uncertain`: it may exist now; look through the list before trying again.
    ///   Every other outcome: it was not created.
    package func createClient(
        _ request: ClientCreateRequest,
        admission: Admission? = nil
    ) async throws(FactPulseError) -> ClientDetail {
        let call = Call(operation: .createClient, scope: .account, body: request)
        return try await session.call(call, admission: admission, check: check) { body in
            try JSON.decode(ClientDetail.self, from: body)
        }
    }

    /// Asks the server who we are: a cheap way to see that address and credentials are right.
    package func me() async throws(FactPulseError) -> AccountProbe {
        try await session.call(Call(operation: .me, scope: .account), admission: nil, check: check) { body in
            try JSON.decode(AccountProbe.self, from: body)
        }
    }
}
