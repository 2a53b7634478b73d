import NIOHTTP1

extension Wire {
    /// Writes a request, without credentials.
    /// - Parameter query: With its `?`, or empty.
    func request(
        _ operation: Operation,
        _ scope: Scope,
        query: String = "",
        body: (some Encodable)?,
        secrets: [Secret]
    ) throws(FactPulseError) -> OutgoingRequest {
        var request = OutgoingRequest(
            operation: operation,
            url: configuration.baseURL + operation.path(scope.uid) + query,
            headers: ["Accept": "application/json", "User-Agent": "factpulse-worker/\(configuration.version)"],
            body: nil,
            secrets: secrets
        )
        guard let body else { return request }
        do {
            request.body = try JSON.encode(body)
        } catch {
            var failure = FactPulseError(operation, .notSent(.invalidRequest))
            failure.detail = "the request is not valid JSON: a bug"
            throw failure
        }
        request.headers.add(name: "Content-Type", value: "application/json")
        return request
    }
}

extension OutgoingRequest {
    enum Authorization {
        case bearer(Secret)
        case apiKey(Secret)
    }

    mutating func authorize(_ authorization: Authorization) {
        switch authorization {
        case .bearer(let token):
            headers.add(name: "Authorization", value: "Bearer \(token.reveal)")
            secrets.append(token)
        case .apiKey(let key):
            headers.add(name: "X-API-Key", value: key.reveal)
            secrets.append(key)
        }
    }
}
