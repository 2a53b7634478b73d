import FactPulse
import Foundation
import KeyVault
import Testing

@testable import Jobs

struct RotationVerdictTests {
    private func refusal(_ status: Int, _ code: String?, _ message: String?) -> RotationAnswer {
        var error = FactPulseError(.rotateEncryptionKey, status == 401 ? .unauthorized : .refused(status: status))
        error.status = status
        error.code = code
        error.message = message
        return RotationVerdict(.failure(error)).answer
    }

    @Test(
        arguments: [
            (400, "decryption_failed", "The old key does not decrypt the stored secrets"),
            (400, nil, "Invalid old key"),
            (422, nil, "oldKey: incorrect"), (401, nil, "Wrong old encryption key"), (400, nil, "Decryption failed"),
            (400, nil, "Ancienne clé invalide"), (400, nil, "Échec du déchiffrement"),
            (422, nil, "L'ancienne clé ne déchiffre pas les secrets"),
            (400, "INVALID_OLD_KEY", nil),
        ] as [(Int, String?, String?)]
    ) func `these words and only such mean that the old key is dead`(status: Int, code: String?, message: String?) {
        #expect(refusal(status, code, message) == .oldKeyInvalid)
    }

    @Test(
        arguments: [
            (400, nil, nil), (400, nil, "Bad request"),
            (400, "invalid_encryption_key", "The encryption key must be base64 of exactly 32 bytes"),
            (422, nil, "oldKey: invalid base64"), (400, nil, "The new key is invalid"),
            (400, nil, "The old key and the new key must differ: invalid"),
            (409, nil, "Conflict"), (404, nil, "Not Found"), (418, "teapot", "Something else"),
            (400, nil, "Requête invalide"), (413, nil, "Too large"),
        ] as [(Int, String?, String?)]
    ) func `what is not recognised is uncertain, never old key invalid`(status: Int, code: String?, message: String?) {
        #expect(refusal(status, code, message) == .uncertain(.unrecognised))
    }

    @Test func `the two meanings of 404 are told apart by their words`() {
        #expect(refusal(404, "no_double_secret", nil) == .notApplicable)
        #expect(refusal(404, nil, "The client has no secret in double encryption mode") == .notApplicable)
        #expect(refusal(404, nil, "No double-encrypted secrets found") == .notApplicable)
        #expect(refusal(404, nil, "Aucun secret à double chiffrement") == .notApplicable)
        #expect(refusal(404, "client_not_found", nil) == .refused)
        #expect(refusal(404, nil, "Client introuvable") == .refused)
        #expect(refusal(403, nil, "No") == .refused)
        #expect(refusal(401, nil, "Token expired") == .notSent)
    }

    @Test func `no answer is no answer`() {
        for outcome in [Outcome.uncertain(.timeout), .uncertain(.serverError(status: 503)), .uncertain(.unreadable)] {
            #expect(
                RotationVerdict(.failure(FactPulseError(.rotateEncryptionKey, outcome))).answer
                    == .uncertain(.unanswered)
            )
        }
        for outcome in [Outcome.throttled(retryAfter: .seconds(3)), .notSent(.unreachable)] {
            #expect(RotationVerdict(.failure(FactPulseError(.rotateEncryptionKey, outcome))).answer == .notSent)
        }
        let throttled = RotationVerdict(
            .failure(FactPulseError(.rotateEncryptionKey, .throttled(retryAfter: .seconds(3))))
        )
        #expect(throttled.retryAfter == .seconds(3))
    }

    @Test(arguments: [
        (#"{"success":true,"message":"","rotatedCount":2}"#, RotationAnswer.rotated),
        (#"{"success":true,"message":"","rotatedCount":2,"partialErrors":[]}"#, .rotated),
        (#"{"success":true,"message":"","rotatedCount":1,"partialErrors":["chorus: failed"]}"#, .split),
        (#"{"success":false,"message":"","rotatedCount":1,"partialErrors":["chorus: old key invalid"]}"#, .split),
        (
            #"{"success":false,"message":"The old key does not decrypt","rotatedCount":0,"partialErrors":[]}"#,
            .oldKeyInvalid
        ),
        (#"{"success":false,"message":"Erreur","rotatedCount":0}"#, .uncertain(.unrecognised)),
        (#"{"success":true,"message":"Decryption failed","rotatedCount":0}"#, .uncertain(.unrecognised)),
    ]) func `a 200 is a success only without errors and with something rotated`(body: String, answer: RotationAnswer)
        throws
    {
        let response = try JSONDecoder().decode(KeyRotationResponse.self, from: Data(body.utf8))
        #expect(RotationVerdict(.success(response)).answer == answer)
    }
}
