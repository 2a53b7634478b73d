import FactPulse
import Foundation
import JobQueue
import Postgres

/// What the server says of one client's PDP configuration and webhook secret.
struct PDPRecord: Sendable {
    enum State: String, Sendable, PostgresEncodable {
        case configured
        case notConfigured = "not_configured"
        case forbidden
        case notFound = "not_found"
        case refused

        /// - Returns: `nil` for what says nothing about the client.
        init?(_ outcome: Outcome) {
            switch outcome {
            case .refused(status: 403): self = .forbidden
            case .refused(status: 404): self = .notFound
            case .refused, .unauthorized: self = .refused
            case .notSent, .throttled, .credentialsRefused, .uncertain: return nil
            }
        }
    }

    let state: State
    private var config: PDPConfigResponse?
    private var webhook: WebhookSecretStatusResponse?

    init(_ state: State) {
        self.state = state
    }

    init(_ config: PDPConfigResponse, _ webhook: WebhookSecretStatusResponse) {
        state = config.isConfigured ? .configured : .notConfigured
        self.config = config
        self.webhook = webhook
    }

    /// Writes it, one version more where it differs, and takes the client from those that are due.
    /// - Parameter clientHash: Of the client's row before the server was asked.
    /// - Throws: ``LeaseLost``; nothing was written then.
    func write(for uid: ClientUID, clientHash: String, _ context: JobContext) async throws {
        let follow = PDPHistory.follow([uid.text])
        _ = try await context.write(
            """
            INSERT INTO factpulse.pdp_status AS p
                (uid, state, is_active, mode_sandbox, flow_service_url, token_url, oauth_client_id, encryption_mode, secret_status,
                 requires_client_key, last_test_at, last_test_success, last_test_error, config_created_at, config_updated_at,
                 has_webhook_secret, webhook_secret_created_at, _source, _checked_at, _client_hash, _changed_at, _row_hash)
            SELECT v.*, 'api', now(), \(clientHash), now(), encode(sha256(convert_to(jsonb_build_array(
                       v.state, v.is_active, v.mode_sandbox, v.flow_service_url, v.token_url, v.oauth_client_id, v.encryption_mode,
                       v.secret_status, v.requires_client_key, v.last_test_success, v.last_test_error,
                       extract(epoch FROM v.config_updated_at), v.has_webhook_secret,
                       extract(epoch FROM v.webhook_secret_created_at))::text, 'UTF8')), 'hex')
              FROM (SELECT \(uid.text)::uuid AS uid, \(state)::text AS state, \(config?.isActive)::boolean AS is_active,
                           \(config?.modeSandbox)::boolean AS mode_sandbox, \(config?.flowServiceUrl?.storable)::text AS flow_service_url,
                           \(config?.tokenUrl?.storable)::text AS token_url, \(config?.oauthClientId?.storable)::text AS oauth_client_id,
                           \(config?.encryptionMode?.storable)::text AS encryption_mode,
                           \(config?.secretStatus?.status.storable)::text AS secret_status,
                           \(config?.secretStatus?.requiresClientKey)::boolean AS requires_client_key,
                           \(config?.lastTestAt)::timestamptz AS last_test_at, \(config?.lastTestSuccess)::boolean AS last_test_success,
                           \(config?.lastTestError?.storable)::text AS last_test_error, \(config?.createdAt)::timestamptz AS config_created_at,
                           \(config?.updatedAt)::timestamptz AS config_updated_at, \(webhook?.hasSecret)::boolean AS has_webhook_secret,
                           \(webhook?.createdAt)::timestamptz AS webhook_secret_created_at) v
            ON CONFLICT (uid) DO UPDATE
               SET state = excluded.state, is_active = excluded.is_active, mode_sandbox = excluded.mode_sandbox,
                   flow_service_url = excluded.flow_service_url, token_url = excluded.token_url,
                   oauth_client_id = excluded.oauth_client_id, encryption_mode = excluded.encryption_mode,
                   secret_status = excluded.secret_status, requires_client_key = excluded.requires_client_key,
                   last_test_at = excluded.last_test_at, last_test_success = excluded.last_test_success,
                   last_test_error = excluded.last_test_error, config_created_at = excluded.config_created_at,
                   config_updated_at = excluded.config_updated_at, has_webhook_secret = excluded.has_webhook_secret,
                   webhook_secret_created_at = excluded.webhook_secret_created_at, _source = excluded._source,
                   _checked_at = excluded._checked_at, _client_hash = excluded._client_hash,
                   _changed_at = CASE WHEN p._row_hash = excluded._row_hash THEN p._changed_at ELSE excluded._changed_at END,
                   _row_hash = excluded._row_hash
            """,
            follow[0],
            follow[1],
            "DELETE FROM factpulse.pdp_due WHERE uid = \(uid.text)::uuid"
        )
    }
}

/// The versions of `factpulse.pdp_status`.
enum PDPHistory {
    /// Statements that bring the history after what was just written there. Two, for a version must end before the next
    /// begins.
    static func follow(_ uids: [String]) -> [SQL] {
        [
            """
            UPDATE factpulse.pdp_status_history h SET valid_to = greatest(now(), h.valid_from + interval '1 microsecond')
              FROM factpulse.pdp_status p
             WHERE p.uid = ANY (\(uids)::uuid[]) AND h.uid = p.uid AND h.valid_to IS NULL AND h._row_hash <> p._row_hash
            """,
            """
            INSERT INTO factpulse.pdp_status_history
                (uid, valid_from, state, is_active, mode_sandbox, flow_service_url, token_url, oauth_client_id, encryption_mode,
                 secret_status, requires_client_key, last_test_success, last_test_error, config_updated_at, has_webhook_secret,
                 webhook_secret_created_at, _row_hash)
            SELECT uid, greatest(now(), (SELECT max(h.valid_to) FROM factpulse.pdp_status_history h WHERE h.uid = p.uid)), state,
                   is_active, mode_sandbox, flow_service_url, token_url, oauth_client_id, encryption_mode, secret_status,
                   requires_client_key, last_test_success, last_test_error, config_updated_at, has_webhook_secret,
                   webhook_secret_created_at, _row_hash
              FROM factpulse.pdp_status p
             WHERE p.uid = ANY (\(uids)::uuid[])
               AND NOT EXISTS (SELECT FROM factpulse.pdp_status_history h WHERE h.uid = p.uid AND h.valid_to IS NULL)
            """,
        ]
    }
}
