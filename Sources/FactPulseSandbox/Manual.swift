/// What `factpulse-sandbox --help` says about fault files and admin routes. Tests compare it with the code.
enum Manual {
    static let text = [
        paragraph("A FAULT FILE is a JSON object; every member may be left out:"),
        #"  {"seed": 1, "options": {"luhn": true},"# + "\n"
            + #"   "faults": [{"kind": "latency", "milliseconds": 20}]}"#,
        paragraph(
            """
            The same seed and the same requests give the same faults. A member that does not exist is refused. \
            The file can be replaced while the sandbox runs:
            """
        ),
        "  curl -X PUT --data-binary @FILE URL/__sandbox/faults",
        paragraph(
            """
            FAULTS are tried in order, and the first that ends the request wins. Each may say for which requests it is: \
            "operation" (an operation's name, "*" for all, "api" for all but logins), "probability" (0 to 1), and the \
            window "from" … "to" (the n-th matching request, from 1).
            """
        ),
        list(faults),
        paragraph(
            """
            A refusal may also have "shape" ("A" to "J", the error bodies of the API and of what stands before it), \
            "retryAfter" ("none", "seconds", "date") with "retryAfterSeconds", and "echoes": true, which quotes all that \
            was sent, secrets included.
            """
        ),
        paragraph(
            """
            OPERATIONS: listClients createClient getClient updateClient activateClient deactivateClient getPDPConfig \
            updatePDPConfig rotateEncryptionKey generateWebhookSecret getWebhookSecretStatus deleteWebhookSecret token \
            refreshToken me
            """
        ),
        paragraph("OPTIONS: the readings that the API's documentation leaves open. The first value is the default."),
        list(options),
        paragraph("ADMIN ROUTES, below /__sandbox/:"),
        list(routes),
    ].joined(separator: "\n\n")

    /// Narrow enough that nobody wraps it again, which would tear the examples.
    private static let width = 76

    private static func paragraph(_ text: String, indent: Int = 0, hanging: Int = 0) -> String {
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        for word in text.split(separator: " ") {
            let gap = line.allSatisfy { $0 == " " } ? "" : " "
            if line.count + gap.count + word.count > width, !gap.isEmpty {
                lines.append(line)
                line = String(repeating: " ", count: indent + hanging) + word
            } else {
                line += gap + word
            }
        }
        return (lines + [line]).joined(separator: "\n")
    }

    private static func list(_ entries: [(String, String)]) -> String {
        entries.map { paragraph($0, indent: 2, hanging: 1) + "\n" + paragraph($1, indent: 6) }.joined(separator: "\n")
    }

    /// An example of each kind, and what it does.
    static let faults: [(String, String)] = [
        (
            #"{"kind": "rateLimit", "operation": "api", "perSecond": 10, "burst": 10, "retryAfter": "seconds"}"#,
            "429 to what exceeds the rate"
        ),
        (#"{"kind": "throttle", "operation": "createClient", "probability": 0.05}"#, "429"),
        (#"{"kind": "status", "operation": "createClient", "status": 503}"#, "that status, and no effect"),
        (#"{"kind": "statusAfter", "operation": "createClient", "status": 502}"#, "the effect, then that status"),
        (#"{"kind": "cutBefore", "operation": "createClient"}"#, "the connection closes; no effect, no answer"),
        (#"{"kind": "cutAfter", "operation": "createClient"}"#, "the effect, then the connection closes unanswered"),
        (#"{"kind": "cutInside", "operation": "createClient"}"#, "the effect, then half of the answer"),
        (
            #"{"kind": "lateCommit", "operation": "createClient", "hold": 1, "delay": 3}"#,
            "after hold seconds the connection closes (or \"status\" is answered), after delay seconds the effect comes"
        ),
        (
            #"{"kind": "latency", "operation": "*", "milliseconds": 40, "maximumMilliseconds": 160}"#,
            "waits first, a time drawn between the two"
        ),
        (#"{"kind": "truncate", "operation": "createClient"}"#, "the effect, then a success with half of the JSON"),
        (#"{"kind": "notJSON", "operation": "createClient"}"#, "the effect, then a success with an HTML page"),
        (
            #"{"kind": "wrongType", "operation": "getClient", "contentType": "text/plain"}"#,
            "the right JSON under another content type"
        ),
        (#"{"kind": "slowBody", "operation": "listClients", "milliseconds": 2000}"#, "the answer in pieces"),
        (#"{"kind": "emptyPage", "operation": "listClients", "from": 3, "to": 3}"#, "no results, although total > 0"),
        (
            #"{"kind": "errorShape", "operation": "createClient", "status": 400, "shape": "C"}"#,
            "an error with a body of that shape, and no effect"
        ),
        (#"{"kind": "expireTokens", "operation": "api", "from": 100, "to": 100}"#, "all access tokens die"),
        (
            #"{"kind": "splitRotation", "operation": "rotateEncryptionKey"}"#,
            "the last secret stays under the old key: partialErrors"
        ),
        (
            #"{"kind": "change", "operation": "listClients", "from": 2, "to": 2, "removes": 1, "creates": 1, "pick": "first"}"#,
            "first, clients are removed, (de)activated (toggles), renamed, created; pick: random, first, last"
        ),
        (
            #"{"kind": "churn", "operation": "listClients", "perSecond": 20}"#,
            "first, as many clients change as are due at that rate; the four counts are weights"
        ),
    ]

    static let options: [(String, String)] = [
        ("badLogin: 401, 400", "wrong e-mail or password"),
        ("unknownClientToken: 404, 401", "a token for a client that does not exist"),
        ("inactiveClientToken: 200, 403", "a token for a deactivated client"),
        ("inactiveClient: 200, 403", "every route of a deactivated client but activer"),
        ("accountToken: 403, 200, 400", "an account's token on a client's route"),
        ("wrongScopeShape: A … J", "the body of a 403 for a wrong scope"),
        ("missingCredentials: 401, 403", "a request without token"),
        ("notFoundShape: C, A … J", "the body of a 404"),
        ("clientNotFoundText, noDoubleSecretText: a text", "the two meanings of a 404 on a client's route"),
        ("nullInPatch: clears, ignored", "null in an update"),
        ("badKey: 400, 422", "double mode without a key of 32 bytes in base64"),
        ("wrongOldKey: 400, 401, 422, 200", "a rotation whose old key is wrong; 200 has success false"),
        ("wrongOldKeyShape: C, A … J; wrongOldKeyText: a text", "the body of that refusal"),
        ("wrongOldKeyNamesErrors: true, false", "whether that 200 fills partialErrors"),
        ("sameKey: 200, 400, 422", "a rotation from a key to itself"),
        ("partialRotation: aborts, splits", "a rotation whose old key opens only some secrets"),
        ("partialSuccess: false, true", "what success says beside partialErrors"),
        ("chorusCount: each, together", "how several Chorus Pro secrets count in rotatedCount"),
        ("repeatActivation: 200, 409", "activating an active client, deactivating an inactive one"),
        ("absentWebhookSecret: 200, 404", "deleting a webhook secret that does not exist"),
        ("oversizedPage: 422, 200", "a pageSize above 100; 200 cuts it"),
        ("largestPage: 100", "a smaller pageSize than asked is used and echoed"),
        ("pagePastEnd: 200, 404", "a page past the end"),
        ("listOrder: creation, shuffledWithinSeconds", "the order of the list"),
        ("hiddenClients: 0", "clients that the list counts and never shows"),
        ("dates: microseconds, seconds, offset, nanoseconds, eastern, noOffset, mixed", "the form of dates"),
        ("omitsNulls, addsMembers: false, true", "leaves out null members; adds one that nobody declared"),
        ("duplicates: allowed, sameSIRETRefused, sameNameRefused", "a second client like the first; refused with 409"),
        ("luhn: false, true", "whether a SIRET's checksum counts"),
        ("accessLifetime: 1800, refreshLifetime: 604800", "seconds; 0: born expired"),
        ("showsAccessLifetime, renewsRefreshToken: false, true", "more members in the answers to logins and refreshes"),
        ("apiKey: a text", "the X-API-Key that opens every route; empty: none does"),
        ("remembersSecrets: false, true", "keeps every secret sent or made, for GET secrets"),
    ]

    static let routes: [(String, String)] = [
        ("GET health", "whether it is up"),
        (
            "GET ledger[?since=N&limit=N]",
            "requests and statuses by operation, clients by SIRET, duplicates, effects in order with the keys that live then"
        ),
        ("GET ledger/requests[?since=N&limit=N]", "every request: when, what, whose, its status, how long it took"),
        ("GET ledger/clients", "every client, with the fingerprints of its keys"),
        (#"POST opens {"uid", "key"}"#, "which of the client's secrets the key decrypts"),
        ("GET secrets", "see the option remembersSecrets"),
        ("GET faults, PUT faults {…}, DELETE faults", "options, faults and seed in force; the body is a fault file"),
        ("POST reset, POST expire-tokens", "forgets clients, ledger and faults; ends all access tokens"),
        (
            #"POST clients {"count"} or {"clients": [{"name", "uid"?, "siret"?, "description"?, "isActive"?}]}, "pdpEvery"?, "key"?"#,
            "seeds clients; each n-th gets a PDP configuration, in double mode where a key is given"
        ),
        (
            #"PATCH clients/UID {"name"?, "siret"?, "description"?, "isActive"?, "pdp"?, "webhook"?}"#,
            """
            changes a client as the dashboard would. pdp: null, or {"isActive"?, "modeSandbox"?, "isMock"?, \
            "secretStatus"?, "lastTestAt"?, "lastTestSuccess"?, "lastTestError"?, "key"?}; \
            webhook: null, or {"createdAt"?}, which makes a new secret
            """
        ),
        ("DELETE clients/UID", "removes a client"),
        ("GET clients/UID/webhook", "the secret that signs its webhooks"),
        (#"POST clients/UID/chorus {"secret", "key"}"#, "adds a Chorus Pro secret in double mode"),
        (#"POST clients/UID/rekey {"from", "to"}"#, "somebody else rotates"),
        (#"POST clients/UID/restore {"steps"?}"#, "the secrets are again as before their last changes"),
    ]
}
