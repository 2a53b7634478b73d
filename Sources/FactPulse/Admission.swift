/// The right to send one request now: a permit of the gate and a fresh token, fetched beforehand.
///
/// Take it *before* writing an intent to the database, so that the intent never waits in a queue for a permit or a
/// login: between the intent and the request nothing is left that can be refused. Good for one request.
package struct Admission: Sendable {
    let scope: Scope
    /// `nil` with an API key.
    let token: AccessToken?
}
