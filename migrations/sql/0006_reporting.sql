-- What people and their tools may read: views, and a role that sees them and nothing else.
--
-- Names of views and columns stay: others build on them. Nothing here shows a key, a secret, a job's arguments or the
-- audit log.

-- When the last complete reading of the client list that was applied began, by account.
CREATE VIEW factpulse.last_sweeps AS
SELECT account_id, max(began_at) AS began_at FROM factpulse.sweeps WHERE applied_at IS NOT NULL AND outcome = 'complete' GROUP BY account_id;

CREATE SCHEMA reporting;
COMMENT ON SCHEMA reporting IS 'FactPulse clients, their PDP status, imports and keys, and how fresh that is. Read only.';

CREATE VIEW reporting.clients AS
SELECT c.uid, a.name AS account, c.name, c.siret, c.description, c.is_active, c.has_config_pdp, c.pdp_is_active, c.pdp_is_mock,
       c.has_config_chorus, c.created_at, c.updated_at, c._first_seen_at,
       CASE WHEN c._deleted_at IS NULL AND c._missing_since IS NULL THEN greatest(c._synced_at, l.began_at) ELSE c._synced_at END AS _synced_at,
       c._missing_since, c._deleted_at
  FROM factpulse.clients c
  JOIN factpulse.accounts a ON a.id = c.account_id
  LEFT JOIN factpulse.last_sweeps l ON l.account_id = c.account_id;
COMMENT ON VIEW reporting.clients IS 'Every client that a sync has ever seen, also those that are gone: live ones have no _deleted_at.';
COMMENT ON COLUMN reporting.clients.uid IS 'The client''s number on the server.';
COMMENT ON COLUMN reporting.clients.account IS 'Address of the API and who logs in there.';
COMMENT ON COLUMN reporting.clients.name IS 'The client''s name.';
COMMENT ON COLUMN reporting.clients.siret IS 'The client''s SIRET, as the server writes it.';
COMMENT ON COLUMN reporting.clients.description IS 'The client''s description.';
COMMENT ON COLUMN reporting.clients.is_active IS 'Whether the client may be used for calls; false after a deactivation.';
COMMENT ON COLUMN reporting.clients.has_config_pdp IS 'Whether the client has a PDP configuration.';
COMMENT ON COLUMN reporting.clients.pdp_is_active IS 'Whether its PDP configuration is switched on; empty without one.';
COMMENT ON COLUMN reporting.clients.pdp_is_mock IS 'Whether its PDP is a mock; empty without a configuration.';
COMMENT ON COLUMN reporting.clients.has_config_chorus IS 'Whether the client has a Chorus Pro configuration.';
COMMENT ON COLUMN reporting.clients.created_at IS 'When the client was created on the server.';
COMMENT ON COLUMN reporting.clients.updated_at IS 'When the client last changed on the server.';
COMMENT ON COLUMN reporting.clients._first_seen_at IS 'When a sync first saw the client.';
COMMENT ON COLUMN reporting.clients._synced_at IS 'When the row was last known to be what the server has.';
COMMENT ON COLUMN reporting.clients._missing_since IS 'Since when the client is missing from the server''s list without being proven gone; empty for all others.';
COMMENT ON COLUMN reporting.clients._deleted_at IS 'When the client was found to be gone from the server; empty for those that exist.';

CREATE VIEW reporting.client_history AS
SELECT h.uid, h.valid_from, h.valid_to, h.valid_to IS NULL AS is_current, h.change_type, h.name, h.siret, h.description, h.is_active,
       h.has_config_pdp, h.pdp_is_active, h.pdp_is_mock, h.has_config_chorus, h.created_at, h.updated_at
  FROM factpulse.client_history h;
COMMENT ON VIEW reporting.client_history IS 'Every version of every client: what was known of it, from when until when.';
COMMENT ON COLUMN reporting.client_history.uid IS 'The client''s number on the server.';
COMMENT ON COLUMN reporting.client_history.valid_from IS 'From when we knew this version.';
COMMENT ON COLUMN reporting.client_history.valid_to IS 'Until when; empty for the current version.';
COMMENT ON COLUMN reporting.client_history.is_current IS 'Whether this is what is known now.';
COMMENT ON COLUMN reporting.client_history.change_type IS 'appeared: seen for the first time; changed; revived: seen again after it was gone.';
COMMENT ON COLUMN reporting.client_history.name IS 'The client''s name.';
COMMENT ON COLUMN reporting.client_history.siret IS 'The client''s SIRET, as the server writes it.';
COMMENT ON COLUMN reporting.client_history.description IS 'The client''s description.';
COMMENT ON COLUMN reporting.client_history.is_active IS 'Whether the client may be used for calls; false after a deactivation.';
COMMENT ON COLUMN reporting.client_history.has_config_pdp IS 'Whether the client has a PDP configuration.';
COMMENT ON COLUMN reporting.client_history.pdp_is_active IS 'Whether its PDP configuration is switched on; empty without one.';
COMMENT ON COLUMN reporting.client_history.pdp_is_mock IS 'Whether its PDP is a mock; empty without a configuration.';
COMMENT ON COLUMN reporting.client_history.has_config_chorus IS 'Whether the client has a Chorus Pro configuration.';
COMMENT ON COLUMN reporting.client_history.created_at IS 'When the client was created on the server.';
COMMENT ON COLUMN reporting.client_history.updated_at IS 'When the client last changed on the server.';

CREATE VIEW reporting.pdp_status AS
SELECT c.uid, a.name AS account, c.name, c.siret, c.is_active AS client_is_active, coalesce(p.state, 'unknown') AS state, p.is_active,
       p.mode_sandbox, p.encryption_mode, p.secret_status, p.requires_client_key, p.flow_service_url, p.token_url, p.oauth_client_id,
       p.last_test_at, p.last_test_success, p.last_test_error, p.config_created_at, p.config_updated_at, p._changed_at AS changed_at,
       k.checked_at, extract(epoch FROM now() - k.checked_at)::bigint AS age_seconds, k.checked_at < now() - m.max_age AS is_stale
  FROM factpulse.clients c
  JOIN factpulse.accounts a ON a.id = c.account_id
  LEFT JOIN factpulse.pdp_status p ON p.uid = c.uid
  LEFT JOIN factpulse.last_sweeps l ON l.account_id = c.account_id
  LEFT JOIN factpulse.promises m ON m.account_id = c.account_id AND m.stream = 'pdp'
 CROSS JOIN LATERAL (SELECT CASE WHEN p._source = 'list' AND NOT c.has_config_pdp THEN greatest(p._checked_at, l.began_at)
                                 ELSE p._checked_at END AS checked_at) k
 WHERE c._deleted_at IS NULL;
COMMENT ON VIEW reporting.pdp_status IS 'The PDP configuration of every client that exists, as the server last told it. Never a secret.';
COMMENT ON COLUMN reporting.pdp_status.uid IS 'The client''s number on the server.';
COMMENT ON COLUMN reporting.pdp_status.account IS 'Address of the API and who logs in there.';
COMMENT ON COLUMN reporting.pdp_status.name IS 'The client''s name.';
COMMENT ON COLUMN reporting.pdp_status.siret IS 'The client''s SIRET, as the server writes it.';
COMMENT ON COLUMN reporting.pdp_status.client_is_active IS 'Whether the client itself is active.';
COMMENT ON COLUMN reporting.pdp_status.state IS 'configured, not_configured, unknown (not read yet), or what the server answered instead: forbidden, not_found, refused.';
COMMENT ON COLUMN reporting.pdp_status.is_active IS 'Whether the configuration is switched on.';
COMMENT ON COLUMN reporting.pdp_status.mode_sandbox IS 'Whether it uses the PDP''s sandbox.';
COMMENT ON COLUMN reporting.pdp_status.encryption_mode IS 'How the server keeps the PDP secret: fernet or double.';
COMMENT ON COLUMN reporting.pdp_status.secret_status IS 'What the server says of the PDP secret: active, missing or another word.';
COMMENT ON COLUMN reporting.pdp_status.requires_client_key IS 'Whether using the secret needs the customer''s key.';
COMMENT ON COLUMN reporting.pdp_status.flow_service_url IS 'Address of the PDP''s flow service.';
COMMENT ON COLUMN reporting.pdp_status.token_url IS 'Address where PDP tokens come from.';
COMMENT ON COLUMN reporting.pdp_status.oauth_client_id IS 'The public half of the PDP login.';
COMMENT ON COLUMN reporting.pdp_status.last_test_at IS 'When the server last tested the connection to the PDP.';
COMMENT ON COLUMN reporting.pdp_status.last_test_success IS 'Whether that test went well.';
COMMENT ON COLUMN reporting.pdp_status.last_test_error IS 'What went wrong in it.';
COMMENT ON COLUMN reporting.pdp_status.config_created_at IS 'When the configuration was made.';
COMMENT ON COLUMN reporting.pdp_status.config_updated_at IS 'When it last changed.';
COMMENT ON COLUMN reporting.pdp_status.changed_at IS 'When this status was last found to have changed.';
COMMENT ON COLUMN reporting.pdp_status.checked_at IS 'When the server was last asked; without a configuration, when the client list last said so.';
COMMENT ON COLUMN reporting.pdp_status.age_seconds IS 'Seconds since then.';
COMMENT ON COLUMN reporting.pdp_status.is_stale IS 'Whether that is longer ago than promised (FACTPULSE_PDP_MAX_AGE).';

CREATE VIEW reporting.pdp_status_history AS
SELECT h.uid, h.valid_from, h.valid_to, h.valid_to IS NULL AS is_current, h.state, h.is_active, h.mode_sandbox, h.encryption_mode,
       h.secret_status, h.last_test_success, h.last_test_error, h.has_webhook_secret
  FROM factpulse.pdp_status_history h;
COMMENT ON VIEW reporting.pdp_status_history IS 'Every version of the PDP status of every client.';
COMMENT ON COLUMN reporting.pdp_status_history.uid IS 'The client''s number on the server.';
COMMENT ON COLUMN reporting.pdp_status_history.valid_from IS 'From when we knew this version.';
COMMENT ON COLUMN reporting.pdp_status_history.valid_to IS 'Until when; empty for the current version.';
COMMENT ON COLUMN reporting.pdp_status_history.is_current IS 'Whether this is what is known now.';
COMMENT ON COLUMN reporting.pdp_status_history.state IS 'As in pdp_status.';
COMMENT ON COLUMN reporting.pdp_status_history.is_active IS 'Whether the configuration was switched on.';
COMMENT ON COLUMN reporting.pdp_status_history.mode_sandbox IS 'Whether it used the PDP''s sandbox.';
COMMENT ON COLUMN reporting.pdp_status_history.encryption_mode IS 'fernet or double.';
COMMENT ON COLUMN reporting.pdp_status_history.secret_status IS 'What the server said of the PDP secret.';
COMMENT ON COLUMN reporting.pdp_status_history.last_test_success IS 'Whether the last test of the connection went well.';
COMMENT ON COLUMN reporting.pdp_status_history.last_test_error IS 'What went wrong in it.';
COMMENT ON COLUMN reporting.pdp_status_history.has_webhook_secret IS 'Whether the client had a webhook secret.';

CREATE VIEW reporting.pdp_problems AS
SELECT s.uid, s.account, s.name, s.siret, s.client_is_active, x.problem, x.detail, s.changed_at AS since, s.checked_at
  FROM reporting.pdp_status s
 CROSS JOIN LATERAL (VALUES
       (s.state = 'not_configured', 'not_configured', NULL),
       (s.state IN ('forbidden', 'not_found', 'refused'), 'not_readable', s.state),
       (s.state = 'configured' AND s.is_active IS FALSE, 'inactive', NULL),
       (s.state = 'configured' AND s.last_test_success IS FALSE, 'last_test_failed', s.last_test_error),
       (s.state = 'configured' AND coalesce(s.secret_status, 'missing') <> 'active', 'secret_missing', s.secret_status)
  ) x (holds, problem, detail)
 WHERE x.holds;
COMMENT ON VIEW reporting.pdp_problems IS 'What keeps clients from sending through their PDP: one row a problem.';
COMMENT ON COLUMN reporting.pdp_problems.uid IS 'The client''s number on the server.';
COMMENT ON COLUMN reporting.pdp_problems.account IS 'Address of the API and who logs in there.';
COMMENT ON COLUMN reporting.pdp_problems.name IS 'The client''s name.';
COMMENT ON COLUMN reporting.pdp_problems.siret IS 'The client''s SIRET, as the server writes it.';
COMMENT ON COLUMN reporting.pdp_problems.client_is_active IS 'Whether the client itself is active.';
COMMENT ON COLUMN reporting.pdp_problems.problem IS 'not_configured, inactive, last_test_failed, secret_missing or not_readable (the server refuses to tell).';
COMMENT ON COLUMN reporting.pdp_problems.detail IS 'The server''s word for it.';
COMMENT ON COLUMN reporting.pdp_problems.since IS 'Since when the status has been as it is.';
COMMENT ON COLUMN reporting.pdp_problems.checked_at IS 'When the server was last asked.';

CREATE VIEW reporting.webhook_secrets AS
SELECT c.uid, a.name AS account, c.name, c.siret, p.has_webhook_secret, p.webhook_secret_created_at AS created_at,
       extract(day FROM now() - p.webhook_secret_created_at)::int AS age_days,
       EXISTS (SELECT FROM factpulse.secrets k WHERE k.purpose = 'webhook-secret' AND k.client_uid = c.uid AND k.state = 'active') AS is_kept_here,
       CASE WHEN p._source = 'api' THEN p._checked_at END AS checked_at
  FROM factpulse.clients c
  JOIN factpulse.accounts a ON a.id = c.account_id
  LEFT JOIN factpulse.pdp_status p ON p.uid = c.uid
 WHERE c._deleted_at IS NULL;
COMMENT ON VIEW reporting.webhook_secrets IS 'Whether the server signs a client''s webhooks with a secret of its own. Never the secret.';
COMMENT ON COLUMN reporting.webhook_secrets.uid IS 'The client''s number on the server.';
COMMENT ON COLUMN reporting.webhook_secrets.account IS 'Address of the API and who logs in there.';
COMMENT ON COLUMN reporting.webhook_secrets.name IS 'The client''s name.';
COMMENT ON COLUMN reporting.webhook_secrets.siret IS 'The client''s SIRET, as the server writes it.';
COMMENT ON COLUMN reporting.webhook_secrets.has_webhook_secret IS 'Whether the client has one; empty where the server was not asked, as for clients without a PDP configuration.';
COMMENT ON COLUMN reporting.webhook_secrets.created_at IS 'When it was made.';
COMMENT ON COLUMN reporting.webhook_secrets.age_days IS 'Days since then.';
COMMENT ON COLUMN reporting.webhook_secrets.is_kept_here IS 'Whether this installation keeps it, encrypted.';
COMMENT ON COLUMN reporting.webhook_secrets.checked_at IS 'When the server was last asked.';

CREATE VIEW reporting.key_rotations AS
SELECT k.client_uid AS uid, c.name, c.siret, k.version AS key_version, k.state AS key_state, k.activated_at,
       extract(day FROM now() - k.activated_at)::int AS age_days, r.state AS rotation_state, r.started_at AS rotation_started_at,
       r.ended_at AS rotation_ended_at, r.reason AS rotation_reason,
       coalesce(r.state IN ('split', 'lost', 'needs_review'), false) AS needs_person
  FROM factpulse.secrets k
  LEFT JOIN factpulse.clients c ON c.uid = k.client_uid
  LEFT JOIN LATERAL (SELECT * FROM factpulse.rotation_attempts t WHERE t.client_uid = k.client_uid ORDER BY t.id DESC LIMIT 1) r ON true
 WHERE k.purpose = 'client-key' AND k.state IN ('active', 'uncertain');
COMMENT ON VIEW reporting.key_rotations IS 'Every encryption key of a client that is or may be live, its age, and the last attempt to replace it. Never the key.';
COMMENT ON COLUMN reporting.key_rotations.uid IS 'The client''s number on the server.';
COMMENT ON COLUMN reporting.key_rotations.name IS 'The client''s name.';
COMMENT ON COLUMN reporting.key_rotations.siret IS 'The client''s SIRET, as the server writes it.';
COMMENT ON COLUMN reporting.key_rotations.key_version IS 'Counts the client''s keys.';
COMMENT ON COLUMN reporting.key_rotations.key_state IS 'active: known to be live; uncertain: may be live.';
COMMENT ON COLUMN reporting.key_rotations.activated_at IS 'When it became live.';
COMMENT ON COLUMN reporting.key_rotations.age_days IS 'Days since then.';
COMMENT ON COLUMN reporting.key_rotations.rotation_state IS 'Of the last attempt: open, uncertain, succeeded, refused and others; empty if there was none.';
COMMENT ON COLUMN reporting.key_rotations.rotation_started_at IS 'When that attempt began.';
COMMENT ON COLUMN reporting.key_rotations.rotation_ended_at IS 'When it ended; empty while it is open.';
COMMENT ON COLUMN reporting.key_rotations.rotation_reason IS 'Why it is in that state.';
COMMENT ON COLUMN reporting.key_rotations.needs_person IS 'Whether it waits for a person.';

CREATE VIEW reporting.bulk_runs AS
SELECT r.id AS run, a.name AS account, r.operation, r.state, r.file_name, r.row_count AS rows, n.done, n.present AS exists, n.duplicate,
       n.rejected, n.failed, n.needs_review, n.skipped, n.open, r.reason, r.created_at, r.started_at, r.finished_at
  FROM factpulse.bulk_runs r
  JOIN factpulse.accounts a ON a.id = r.account_id
 CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE b.state = 'done') AS done, count(*) FILTER (WHERE b.state = 'exists') AS present,
              count(*) FILTER (WHERE b.state = 'duplicate') AS duplicate, count(*) FILTER (WHERE b.state = 'rejected') AS rejected,
              count(*) FILTER (WHERE b.state = 'failed') AS failed, count(*) FILTER (WHERE b.state = 'needs_review') AS needs_review,
              count(*) FILTER (WHERE b.state = 'skipped') AS skipped,
              count(*) FILTER (WHERE b.state IN ('staged', 'ready', 'sending', 'uncertain')) AS open
         FROM factpulse.bulk_rows b WHERE b.run_id = r.id) n;
COMMENT ON VIEW reporting.bulk_runs IS 'Every import and its rows by what became of them.';
COMMENT ON COLUMN reporting.bulk_runs.run IS 'The run''s number.';
COMMENT ON COLUMN reporting.bulk_runs.account IS 'Address of the API and who logs in there.';
COMMENT ON COLUMN reporting.bulk_runs.operation IS 'What was done with each row.';
COMMENT ON COLUMN reporting.bulk_runs.state IS 'staged, running, paused, finished or cancelled.';
COMMENT ON COLUMN reporting.bulk_runs.file_name IS 'The imported file.';
COMMENT ON COLUMN reporting.bulk_runs.rows IS 'Rows of the file.';
COMMENT ON COLUMN reporting.bulk_runs.done IS 'Rows carried out.';
COMMENT ON COLUMN reporting.bulk_runs.exists IS 'Rows whose client existed already.';
COMMENT ON COLUMN reporting.bulk_runs.duplicate IS 'Rows that another row stands for.';
COMMENT ON COLUMN reporting.bulk_runs.rejected IS 'Rows that could not be sent.';
COMMENT ON COLUMN reporting.bulk_runs.failed IS 'Rows that the server refused.';
COMMENT ON COLUMN reporting.bulk_runs.needs_review IS 'Rows that a person has to decide about.';
COMMENT ON COLUMN reporting.bulk_runs.skipped IS 'Rows left out because of an operator.';
COMMENT ON COLUMN reporting.bulk_runs.open IS 'Rows to which something will still happen.';
COMMENT ON COLUMN reporting.bulk_runs.reason IS 'Why it is paused.';
COMMENT ON COLUMN reporting.bulk_runs.created_at IS 'When the file was imported.';
COMMENT ON COLUMN reporting.bulk_runs.started_at IS 'When the first rows were sent.';
COMMENT ON COLUMN reporting.bulk_runs.finished_at IS 'When the last row was over.';

CREATE VIEW reporting.bulk_rows_rejected AS
SELECT b.run_id AS run, r.file_name, b.line, b.state, b.name, b.siret, b.error_code, b.error, b.updated_at
  FROM factpulse.bulk_rows b
  JOIN factpulse.bulk_runs r ON r.id = b.run_id
 WHERE b.state IN ('rejected', 'duplicate', 'failed', 'needs_review');
COMMENT ON VIEW reporting.bulk_rows_rejected IS 'Rows of imports that did not become what was wanted, and why.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.run IS 'The run''s number.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.file_name IS 'The imported file.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.line IS 'Line of the file where the row begins.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.state IS 'rejected, duplicate, failed or needs_review.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.name IS 'The name in the row.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.siret IS 'The SIRET in the row.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.error_code IS 'A stable word for the reason.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.error IS 'The reason and the cure.';
COMMENT ON COLUMN reporting.bulk_rows_rejected.updated_at IS 'When that was found.';

CREATE VIEW reporting.jobs_daily AS
SELECT (j.ended_at AT TIME ZONE 'UTC')::date AS day, j.kind, count(*) AS jobs, count(*) FILTER (WHERE j.state = 'done') AS done,
       count(*) FILTER (WHERE j.state = 'failed') AS failed, count(*) FILTER (WHERE j.state = 'cancelled') AS cancelled,
       count(*) FILTER (WHERE j.state = 'quarantined') AS quarantined, sum(j.crashes) AS crashes,
       round(avg(extract(epoch FROM j.ended_at - j.created_at))::numeric, 1) AS average_seconds
  FROM queue.jobs j WHERE j.ended_at IS NOT NULL GROUP BY 1, 2;
COMMENT ON VIEW reporting.jobs_daily IS 'Jobs of the workers that ended, by day (UTC) and kind.';
COMMENT ON COLUMN reporting.jobs_daily.day IS 'The day on which they ended.';
COMMENT ON COLUMN reporting.jobs_daily.kind IS 'What kind of job.';
COMMENT ON COLUMN reporting.jobs_daily.jobs IS 'How many ended.';
COMMENT ON COLUMN reporting.jobs_daily.done IS 'Of them, that did what they should.';
COMMENT ON COLUMN reporting.jobs_daily.failed IS 'That did not, and will not be tried again.';
COMMENT ON COLUMN reporting.jobs_daily.cancelled IS 'That were no longer wanted.';
COMMENT ON COLUMN reporting.jobs_daily.quarantined IS 'Whose workers died again and again.';
COMMENT ON COLUMN reporting.jobs_daily.crashes IS 'How often a worker died at one of them.';
COMMENT ON COLUMN reporting.jobs_daily.average_seconds IS 'From being made to their end, waiting included.';

CREATE VIEW reporting.freshness AS
SELECT 'clients' AS stream, a.name AS account, l.began_at AS last_complete_at, extract(epoch FROM now() - l.began_at)::bigint AS age_seconds,
       extract(epoch FROM m.max_age)::bigint AS promise_seconds, coalesce(l.began_at >= now() - m.max_age, false) AS is_kept,
       n.clients AS rows, round(100.0 * (n.clients - n.missing) / nullif(n.clients, 0), 1) AS coverage_percent,
       (SELECT s.outcome FROM factpulse.sweeps s WHERE s.account_id = a.id AND s.applied_at IS NOT NULL ORDER BY s.began_at DESC LIMIT 1) AS last_outcome,
       NULL::text AS warning
  FROM factpulse.promises m
  JOIN factpulse.accounts a ON a.id = m.account_id
  LEFT JOIN factpulse.last_sweeps l ON l.account_id = a.id
 CROSS JOIN LATERAL (SELECT count(*) AS clients, count(c._missing_since) AS missing FROM factpulse.clients c
                      WHERE c.account_id = a.id AND c._deleted_at IS NULL) n
 WHERE m.stream = 'clients'
 UNION ALL
SELECT 'pdp', a.name, n.oldest, extract(epoch FROM now() - n.oldest)::bigint, extract(epoch FROM m.max_age)::bigint,
       n.fresh * 100 >= n.clients * 99, n.clients, round(100.0 * n.fresh / nullif(n.clients, 0), 1),
       CASE WHEN n.open = 0 THEN 'complete' ELSE 'partial' END, n.warning
  FROM factpulse.promises m
  JOIN factpulse.accounts a ON a.id = m.account_id
 CROSS JOIN LATERAL (SELECT CASE WHEN count(s.checked_at) = count(*) THEN min(s.checked_at) END AS oldest, count(*) AS clients,
                            count(*) FILTER (WHERE s.checked_at >= now() - m.max_age) AS fresh,
                            (SELECT count(*) FROM factpulse.pdp_due d JOIN factpulse.clients c ON c.uid = d.uid WHERE c.account_id = a.id) AS open,
                            (SELECT p.warning FROM factpulse.pdp_syncs p WHERE p.account_id = a.id ORDER BY p.id DESC LIMIT 1) AS warning
                       FROM reporting.pdp_status s WHERE s.account = a.name) n
 WHERE m.stream = 'pdp';
COMMENT ON VIEW reporting.freshness IS 'How fresh the tables are, and whether that is what was promised: one row a stream and account.';
COMMENT ON COLUMN reporting.freshness.stream IS 'clients: the client list; pdp: the PDP status of each client.';
COMMENT ON COLUMN reporting.freshness.account IS 'Address of the API and who logs in there.';
COMMENT ON COLUMN reporting.freshness.last_complete_at IS 'When the last complete reading of the list began; of the PDP status, when the client was read that was read longest ago. Empty before all were read once.';
COMMENT ON COLUMN reporting.freshness.age_seconds IS 'Seconds since then.';
COMMENT ON COLUMN reporting.freshness.promise_seconds IS 'How old it may become.';
COMMENT ON COLUMN reporting.freshness.is_kept IS 'Whether that is kept: of the PDP status, for 99 of 100 clients.';
COMMENT ON COLUMN reporting.freshness.rows IS 'Clients that exist.';
COMMENT ON COLUMN reporting.freshness.coverage_percent IS 'How many of them are as fresh as promised (pdp), or are in the server''s list (clients).';
COMMENT ON COLUMN reporting.freshness.last_outcome IS 'complete; partial: the list changed all the time, or clients are still to be read.';
COMMENT ON COLUMN reporting.freshness.warning IS 'Why the promise cannot be kept.';

-- A role for all databases of the server. Whoever may not make roles has it made by somebody who may, and runs these
-- grants again.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'factpulse_reporting') THEN
        BEGIN
            CREATE ROLE factpulse_reporting NOLOGIN;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN
                RAISE NOTICE 'the role factpulse_reporting has to be made by a user with CREATEROLE';
                RETURN;
        END;
    END IF;
    GRANT USAGE ON SCHEMA reporting TO factpulse_reporting;
    GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO factpulse_reporting;
    ALTER DEFAULT PRIVILEGES IN SCHEMA reporting GRANT SELECT ON TABLES TO factpulse_reporting;
END $$;
