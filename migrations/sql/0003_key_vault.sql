-- Keys and secrets at rest, the rotation of keys, and who used them when.
--
-- Nothing here can be read without a key-encryption key (KEK), which is never in the database. What must not happen is
-- refused here, whatever the program does: SQLSTATE FV001 is the vault's own no.

-- The KEKs that sealed something, by the id that is derived from the key itself.
CREATE TABLE factpulse.keks (
    id             text PRIMARY KEY CHECK (id ~ '^[0-9a-f]{8}$'),
    -- false: retired. Every row names its KEK as a live one, so none can be retired while a row needs it, and no row
    -- can come under it later.
    live           boolean NOT NULL DEFAULT true,
    first_used_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (id, live)
);

CREATE TABLE factpulse.secrets (
    -- client-key: of double encryption mode; webhook-secret: signs a client's webhooks; pdp-secret: came in a file of
    -- configure-pdp, under bulk_rows.secret_id; fingerprint-key: the deployment's own, of which there is one, under the
    -- deployment's id.
    purpose       text NOT NULL CHECK (purpose IN ('client-key', 'webhook-secret', 'pdp-secret', 'fingerprint-key')),
    client_uid    uuid NOT NULL,
    version       int NOT NULL CHECK (version > 0),
    -- pending: never live on the server; active: known to be live; uncertain: may be live; retired: no longer live, but
    -- a server restored from a backup may bring it back; compromised: retired, and somebody else may know it.
    -- The keys that may be live, C, are the active and the uncertain ones.
    state         text NOT NULL DEFAULT 'pending',
    sealed        text,                               -- fpk1:<kek_id>:<base64(nonce || ciphertext || tag)>
    kek_id        text,
    kek_live      boolean NOT NULL DEFAULT true CHECK (kek_live),
    fingerprint   text NOT NULL CHECK (fingerprint ~ '^kfp_[0-9a-f]{16}$'),
    created_at    timestamptz NOT NULL DEFAULT now(),
    escrowed_at   timestamptz,                        -- since when its line stands in the escrow file, synced
    activated_at  timestamptz,
    retired_at    timestamptz,
    compromised_at timestamptz,
    destroyed_at  timestamptz,
    -- Of a key that `keys restore` found: before this, the server may still carry out a call that makes it live.
    settle_until  timestamptz,
    PRIMARY KEY (purpose, client_uid, version),
    FOREIGN KEY (kek_id, kek_live) REFERENCES factpulse.keks (id, live),
    CONSTRAINT secrets_state_known CHECK (state IN ('pending', 'active', 'uncertain', 'retired', 'compromised', 'destroyed')),
    CONSTRAINT secrets_sealed_names_its_kek CHECK (sealed LIKE 'fpk1:' || kek_id || ':%'),
    CONSTRAINT secrets_sealed_until_destroyed CHECK ((state = 'destroyed') = (sealed IS NULL) AND (sealed IS NULL) = (kek_id IS NULL)),
    -- A key that may appear in a request is safe in two places: here and in the escrow file.
    CONSTRAINT secrets_escrowed_before_use CHECK (state = 'pending' OR escrowed_at IS NOT NULL),
    CONSTRAINT secrets_retired_is_dated CHECK (state NOT IN ('retired', 'compromised', 'destroyed') OR retired_at IS NOT NULL),
    CONSTRAINT secrets_compromised_is_dated CHECK (state <> 'compromised' OR compromised_at IS NOT NULL)
) WITH (fillfactor = 70);

CREATE UNIQUE INDEX secrets_one_active ON factpulse.secrets (purpose, client_uid) WHERE state = 'active';
-- The same bytes twice would be two versions that nobody can tell apart.
CREATE UNIQUE INDEX secrets_one_of_each ON factpulse.secrets (purpose, client_uid, fingerprint) WHERE state <> 'destroyed';
CREATE UNIQUE INDEX secrets_one_deployment ON factpulse.secrets ((true)) WHERE purpose = 'fingerprint-key';
CREATE INDEX secrets_by_kek ON factpulse.secrets (kek_id);
-- When a client's key is due.
CREATE INDEX secrets_by_age ON factpulse.secrets (activated_at) WHERE purpose = 'client-key' AND state = 'active';

-- The attempts to give a client a new key. One is open at a time; the next begins when it has ended.
CREATE TABLE factpulse.rotation_attempts (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose        text NOT NULL DEFAULT 'client-key' CHECK (purpose = 'client-key'),
    client_uid     uuid NOT NULL,
    -- open: at work; uncertain: a call's answer was lost. split: some secrets are under each key; lost: no key that we
    -- have is live; needs_review: too many answers that settle nothing. These three wait for a person.
    state          text NOT NULL CHECK (state IN ('open', 'uncertain', 'split', 'lost', 'needs_review', 'succeeded', 'out_of_band',
                                                  'refused', 'not_applicable', 'resolved')),
    from_version   int NOT NULL,
    to_version     int NOT NULL,
    calling        boolean NOT NULL DEFAULT false,     -- a call was or is being sent, and its answer is not written
    doubts         int NOT NULL DEFAULT 0,             -- calls with this pair whose answer was lost
    puzzles        int NOT NULL DEFAULT 0,             -- those of them that were answered with what nobody understands
    round          int NOT NULL DEFAULT 0,             -- new keys that this attempt took
    searched       boolean NOT NULL DEFAULT false,     -- the retained versions are or were tried
    settle_until   timestamptz,                        -- before this, the server may still carry out a call we gave up
    revision       int NOT NULL DEFAULT 0,             -- how often it was written: a write names the one that it has read
    rotated_count  int,
    reason         text,
    started_at     timestamptz NOT NULL DEFAULT now(),
    updated_at     timestamptz NOT NULL DEFAULT now(),
    ended_at       timestamptz,
    FOREIGN KEY (purpose, client_uid, from_version) REFERENCES factpulse.secrets (purpose, client_uid, version),
    FOREIGN KEY (purpose, client_uid, to_version) REFERENCES factpulse.secrets (purpose, client_uid, version),
    CONSTRAINT rotation_attempts_two_keys CHECK (from_version <> to_version),
    CONSTRAINT rotation_attempts_call_settles CHECK (NOT calling OR settle_until IS NOT NULL),
    CONSTRAINT rotation_attempts_ended_when_over CHECK
        ((state IN ('succeeded', 'out_of_band', 'refused', 'not_applicable', 'resolved')) = (ended_at IS NOT NULL))
);
CREATE UNIQUE INDEX rotation_attempts_one_open ON factpulse.rotation_attempts (client_uid) WHERE ended_at IS NULL;
CREATE INDEX rotation_attempts_by_client ON factpulse.rotation_attempts (client_uid, id DESC);

-- Which clients a campaign (a job rotate-due-keys) has begun, and the jobs that rotate them.
CREATE TABLE factpulse.campaign_clients (
    campaign    bigint NOT NULL,
    client_uid  uuid NOT NULL,
    job_id      bigint NOT NULL,
    PRIMARY KEY (campaign, client_uid)
);

CREATE FUNCTION factpulse.guard_secret() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION 'secrets are never truncated' USING ERRCODE = 'FV001';
    END IF;
    IF TG_OP = 'DELETE' THEN
        -- A PDP secret is its owner's, who has it elsewhere.
        IF OLD.state <> 'destroyed' AND OLD.purpose <> 'pdp-secret' THEN
            RAISE EXCEPTION '% version % of % is %: only a destroyed one may be deleted', OLD.purpose, OLD.version, OLD.client_uid, OLD.state
                USING ERRCODE = 'FV001';
        END IF;
        RETURN OLD;
    END IF;
    -- A key that is about to be sent must be on disk, whatever the session is used to. remote_apply is stricter still.
    IF current_setting('synchronous_commit') IN ('off', 'local', 'remote_write') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        IF (NEW.purpose, NEW.client_uid, NEW.version, NEW.fingerprint) IS DISTINCT FROM (OLD.purpose, OLD.client_uid, OLD.version, OLD.fingerprint) THEN
            RAISE EXCEPTION 'what a secret is never changes' USING ERRCODE = 'FV001';
        END IF;
        IF NEW.sealed IS DISTINCT FROM OLD.sealed AND NEW.kek_id IS NOT DISTINCT FROM OLD.kek_id THEN
            RAISE EXCEPTION 'a sealed text changes only together with its KEK' USING ERRCODE = 'FV001';
        END IF;
        IF OLD.escrowed_at IS NOT NULL AND NEW.escrowed_at IS NULL THEN
            RAISE EXCEPTION 'what was escrowed stays escrowed' USING ERRCODE = 'FV001';
        END IF;
        IF NEW.state = OLD.state THEN
            RETURN NEW;
        END IF;
        IF (OLD.state || '>' || NEW.state) NOT IN (
            'pending>active', 'pending>uncertain', 'pending>retired', 'uncertain>active', 'uncertain>pending', 'uncertain>retired',
            'uncertain>compromised', 'active>uncertain', 'active>retired', 'retired>uncertain', 'retired>compromised',
            'compromised>uncertain', 'retired>destroyed', 'compromised>destroyed')
        THEN
            RAISE EXCEPTION '% version % of % cannot go from % to %', OLD.purpose, OLD.version, OLD.client_uid, OLD.state, NEW.state
                USING ERRCODE = 'FV001';
        END IF;
        -- FactPulse may restore a backup of its own, which brings an old key back to life.
        IF NEW.state = 'destroyed' AND OLD.retired_at > now() - interval '400 days' THEN
            RAISE EXCEPTION '% version % of % was retired less than 400 days ago', OLD.purpose, OLD.version, OLD.client_uid
                USING ERRCODE = 'FV001';
        END IF;
        IF NEW.state = 'destroyed' AND EXISTS (
            SELECT FROM factpulse.rotation_attempts a WHERE a.client_uid = OLD.client_uid AND a.ended_at IS NULL)
        THEN
            RAISE EXCEPTION 'a rotation of % is open: all of its keys may be needed', OLD.client_uid USING ERRCODE = 'FV001';
        END IF;
        IF NEW.state = 'destroyed' AND EXISTS (
            SELECT FROM factpulse.secrets s
             WHERE s.purpose = OLD.purpose AND s.client_uid = OLD.client_uid AND s.state = 'uncertain')
        THEN
            RAISE EXCEPTION 'which key of % is live is in doubt: all of its keys may be needed', OLD.client_uid USING ERRCODE = 'FV001';
        END IF;
    END IF;
    CASE NEW.state
        WHEN 'active' THEN NEW.activated_at := now();
        WHEN 'retired' THEN NEW.retired_at := CASE TG_OP WHEN 'UPDATE' THEN now() ELSE coalesce(NEW.retired_at, now()) END;
        WHEN 'compromised' THEN
            NEW.retired_at := coalesce(NEW.retired_at, now());
            NEW.compromised_at := coalesce(NEW.compromised_at, now());
        WHEN 'destroyed' THEN NEW.destroyed_at := now();
        ELSE NULL;
    END CASE;
    RETURN NEW;
END $$;

CREATE TRIGGER secrets_guard BEFORE INSERT OR UPDATE OR DELETE ON factpulse.secrets
    FOR EACH ROW EXECUTE FUNCTION factpulse.guard_secret();
CREATE TRIGGER secrets_guard_all BEFORE TRUNCATE ON factpulse.secrets
    FOR EACH STATEMENT EXECUTE FUNCTION factpulse.guard_secret();

-- Who used which key, when and to what end. Append only; each row carries the digest of the one before it, so that a row
-- that was changed, removed or put in between is found.
CREATE TABLE factpulse.audit_log (
    seq          bigint PRIMARY KEY,                  -- from 1, without a gap
    at           timestamptz NOT NULL,
    actor        text NOT NULL,                       -- the worker, or the person at the command line
    action       text NOT NULL CHECK (action <> ''),
    outcome      text NOT NULL CHECK (outcome <> ''), -- 'intent' before a use; what came of it, after
    client_uid   uuid,
    version      int,
    fingerprint  text,
    attempt_id   bigint,
    reason       text,
    prev_hash    bytea NOT NULL CHECK (octet_length(prev_hash) = 32),
    hash         bytea NOT NULL CHECK (octet_length(hash) = 32)
);
CREATE INDEX audit_log_by_client ON factpulse.audit_log (client_uid, seq) WHERE client_uid IS NOT NULL;

-- The digest of a row. A JSON array, because no two rows have the same one, and microseconds, because text depends on
-- the session's time zone.
CREATE FUNCTION factpulse.audit_digest(entry factpulse.audit_log) RETURNS bytea
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT sha256(convert_to(jsonb_build_array(
        encode(entry.prev_hash, 'hex'), entry.seq, (extract(epoch FROM entry.at) * 1000000)::bigint, entry.actor, entry.action,
        entry.outcome, entry.client_uid, entry.version, entry.fingerprint, entry.attempt_id, entry.reason)::text, 'UTF8'));
$$;

-- Appends one entry and returns its number. The chain has one end, which is locked until the caller's commit: let this
-- be the last statement of its transaction.
CREATE FUNCTION factpulse.audit(
    actor text, action text, outcome text, client_uid uuid DEFAULT NULL, version int DEFAULT NULL, fingerprint text DEFAULT NULL,
    attempt_id bigint DEFAULT NULL, reason text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry factpulse.audit_log;
BEGIN
    PERFORM pg_advisory_xact_lock(5062147831);
    SELECT a.seq, a.hash INTO entry.seq, entry.prev_hash FROM factpulse.audit_log a ORDER BY a.seq DESC LIMIT 1;
    entry.seq := coalesce(entry.seq, 0) + 1;
    entry.prev_hash := coalesce(entry.prev_hash, decode(repeat('00', 32), 'hex'));
    entry.at := clock_timestamp();
    entry.actor := audit.actor;
    entry.action := audit.action;
    entry.outcome := audit.outcome;
    entry.client_uid := audit.client_uid;
    entry.version := audit.version;
    entry.fingerprint := audit.fingerprint;
    entry.attempt_id := audit.attempt_id;
    entry.reason := audit.reason;
    entry.hash := factpulse.audit_digest(entry);
    INSERT INTO factpulse.audit_log SELECT entry.*;
    RETURN entry.seq;
END $$;

CREATE FUNCTION factpulse.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is only ever added to' USING ERRCODE = 'FV001';
END $$;

CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON factpulse.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION factpulse.refuse_change();
