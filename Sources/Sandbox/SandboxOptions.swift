/// How the sandbox answers where the real API's documentation is silent. Every default is the likeliest reading;
/// every switch is a reading a client must survive too. Raw numbers are HTTP statuses.
/// `factpulse-sandbox --help` names them all; a test sees to it.
package struct SandboxOptions: Codable, Sendable, Hashable {
    package enum BadLogin: Int, Codable, Sendable { case unauthorized = 401, badRequest = 400 }
    package enum UnknownClientToken: Int, Codable, Sendable { case notFound = 404, unauthorized = 401 }
    package enum InactiveClientToken: Int, Codable, Sendable { case issued = 200, forbidden = 403 }
    package enum AccountToken: Int, Codable, Sendable { case forbidden = 403, accepted = 200, badRequest = 400 }
    package enum MissingCredentials: Int, Codable, Sendable { case unauthorized = 401, forbidden = 403 }
    package enum NullInPatch: String, Codable, Sendable { case clears, ignored }
    package enum BadKey: Int, Codable, Sendable { case badRequest = 400, unprocessable = 422 }
    package enum WrongOldKey: Int, Codable, Sendable, CaseIterable {
        case badRequest = 400, unauthorized = 401, unprocessable = 422
        /// 200 with `success: false`.
        case unsuccessful = 200
    }
    package enum SameKey: Int, Codable, Sendable { case accepted = 200, badRequest = 400, unprocessable = 422 }
    package enum PartialRotation: String, Codable, Sendable { case aborts, splits }
    package enum ChorusCount: String, Codable, Sendable { case each, together }
    package enum InactiveClient: Int, Codable, Sendable { case served = 200, forbidden = 403 }
    package enum RepeatActivation: Int, Codable, Sendable { case succeeds = 200, conflict = 409 }
    package enum AbsentWebhookSecret: Int, Codable, Sendable { case succeeds = 200, notFound = 404 }
    package enum OversizedPage: Int, Codable, Sendable { case unprocessable = 422, cut = 200 }
    package enum PagePastEnd: Int, Codable, Sendable { case empty = 200, notFound = 404 }
    package enum ListOrder: String, Codable, Sendable {
        case creation
        case newestFirst
        /// Clients created in one and the same second come in another order at each request. Costs a whole sort.
        case shuffledWithinSeconds
    }
    package enum DateStyle: String, Codable, Sendable, CaseIterable {
        /// `2026-01-02T03:04:05.000006Z`
        case microseconds
        /// `2026-01-02T03:04:05Z`
        case seconds
        /// `2026-01-02T03:04:05.000006+00:00`
        case offset
        /// `2026-01-02T03:04:05.000006000Z`
        case nanoseconds
        /// `2026-01-02T05:04:05.000006+02:00`
        case eastern
        /// `2026-01-02T03:04:05.000006`, which the vendor's Go client refuses.
        case noOffset
        /// Each date in another of these forms.
        case mixed
    }
    package enum Duplicates: String, Codable, Sendable { case allowed, sameSIRETRefused, sameNameRefused }

    /// Wrong e-mail or password at the token route.
    package var badLogin = BadLogin.unauthorized
    /// A token for a `client_uid` that does not exist.
    package var unknownClientToken = UnknownClientToken.notFound
    /// A token for a deactivated client.
    package var inactiveClientToken = InactiveClientToken.issued
    /// An account-level token on a route of one client.
    package var accountToken = AccountToken.forbidden
    /// The body of a 403 for a wrong scope: A, C or E.
    package var wrongScopeShape = ErrorShape.A
    package var missingCredentials = MissingCredentials.unauthorized
    /// An explicit `null` in an update. `clears` still refuses a null `name` with 422.
    package var nullInPatch = NullInPatch.clears
    /// Double encryption without a key, or with one that is not 32 bytes in base64.
    package var badKey = BadKey.badRequest
    /// A rotation whose `oldKey` does not open the secrets. Nothing changes either way.
    package var wrongOldKey = WrongOldKey.badRequest
    /// The body of that refusal, 422 included.
    package var wrongOldKeyShape = ErrorShape.C
    package var wrongOldKeyText = "The old key does not decrypt the stored secrets"
    /// Whether the `success: false` of a wrong old key fills `partialErrors`.
    package var wrongOldKeyNamesErrors = true
    /// A rotation from a key to itself.
    package var sameKey = SameKey.accepted
    /// A rotation whose `oldKey` opens only some of the secrets. `splits`: those change key, the others stay, and the
    /// answer is a 200 with `partialErrors`.
    package var partialRotation = PartialRotation.aborts
    /// What `success` says beside `partialErrors`.
    package var partialSuccess = false
    /// How several Chorus Pro secrets count in `rotatedCount`.
    package var chorusCount = ChorusCount.each
    /// The body of a 404 on a client's route, and the texts that alone tell its two meanings apart.
    package var notFoundShape = ErrorShape.C
    package var clientNotFoundText = "Client not found"
    package var noDoubleSecretText = "The client has no secret in double encryption mode"
    /// Every route of a deactivated client but `activer`.
    package var inactiveClient = InactiveClient.served
    package var repeatActivation = RepeatActivation.succeeds
    /// Deleting a webhook secret that does not exist.
    package var absentWebhookSecret = AbsentWebhookSecret.succeeds
    /// `pageSize` above 100.
    package var oversizedPage = OversizedPage.unprocessable
    package var pagePastEnd = PagePastEnd.empty
    /// A `pageSize` above this is cut to it, and the cut one is echoed.
    package var largestPage = 100
    package var listOrder = ListOrder.creation
    /// Clients that the list counts and never shows.
    package var hiddenClients = 0
    package var dates = DateStyle.microseconds
    /// Leaves out the members that are `null`.
    package var omitsNulls = false
    /// Adds a member that nobody declared to every object of an answer.
    package var addsMembers = false
    package var duplicates = Duplicates.allowed
    /// Whether a SIRET must satisfy its checksum, and not only be 14 digits.
    package var luhn = false
    /// Seconds an access token lives. Zero or less: it is born expired.
    package var accessLifetime = 1800
    /// Seconds a refresh token lives.
    package var refreshLifetime = 604_800
    /// Whether token answers carry the optional member `access_lifetime`.
    package var showsAccessLifetime = false
    /// Whether a refresh also answers a new refresh token.
    package var renewsRefreshToken = false
    /// What `X-API-Key` must hold to be let in everywhere; empty: no key is let in.
    package var apiKey = ""
    /// Keeps every password, key, secret and token sent or made from here on, for a test that looks for them elsewhere:
    /// `GET /__sandbox/secrets`.
    package var remembersSecrets = false

    package init() {}
}
