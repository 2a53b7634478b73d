-- The server's clients as tables of our own: what they are, what they were, and how fresh that knowledge is.
--
-- Names of the API in snake_case; what we know beside it begins with an underscore.

-- For the exclusion constraints: a GiST index over a uuid and a range. Comes with PostgreSQL; its owner may make it.
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA factpulse;

-- The sightings of a sweep become the stage of these tables: the whole client. What a version before wrote lacks it.
ALTER TABLE factpulse.sightings
    ADD COLUMN round             smallint NOT NULL DEFAULT 1,  -- of the sweep's rounds, the last that saw it
    ADD COLUMN name              text,
    ADD COLUMN shown_siret       text,                         -- as the list writes it
    ADD COLUMN description       text,
    ADD COLUMN has_config_pdp    boolean,
    ADD COLUMN pdp_is_active     boolean,
    ADD COLUMN pdp_is_mock       boolean,
    ADD COLUMN has_config_chorus boolean,
    ADD COLUMN row_hash          text;

ALTER TABLE factpulse.sweeps
    ADD COLUMN account_id  int REFERENCES factpulse.accounts,
    ADD COLUMN job_id      bigint,                    -- the job that reads
    ADD COLUMN expected    int,                       -- clients, as the server counted when it began
    -- When factpulse.clients had what it saw, and how many rows that changed.
    ADD COLUMN applied_at  timestamptz,
    ADD COLUMN appeared    int,
    ADD COLUMN changed     int,
    ADD COLUMN revived     int,
    ADD COLUMN missing     int,                       -- in factpulse.clients and not in the list, yet
    ADD COLUMN deleted     int;
CREATE INDEX sweeps_applied ON factpulse.sweeps (account_id, began_at) WHERE applied_at IS NOT NULL;

CREATE TABLE factpulse.clients (
    uid                uuid PRIMARY KEY,
    account_id         int NOT NULL REFERENCES factpulse.accounts,
    name               text NOT NULL,
    siret              text,
    description        text,
    is_active          boolean NOT NULL,
    has_config_pdp     boolean NOT NULL,
    pdp_is_active      boolean,
    pdp_is_mock        boolean,
    has_config_chorus  boolean NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    _first_seen_at     timestamptz NOT NULL,
    -- When this row was last written. A row that a later sweep saw unchanged is not written again: reporting.clients
    -- has when it was last known to be so.
    _synced_at         timestamptz NOT NULL,
    -- When the first complete sweep began that did not see it, while we are not sure that it is gone.
    _missing_since     timestamptz,
    _deleted_at        timestamptz,                   -- tombstone: two complete sweeps did not see it, and GET says 404
    _row_hash          text NOT NULL,                 -- SHA-256 of what the API says
    CONSTRAINT clients_gone_is_not_missing CHECK (_deleted_at IS NULL OR _missing_since IS NULL)
) WITH (fillfactor = 90);
CREATE INDEX clients_by_siret ON factpulse.clients (siret) WHERE siret IS NOT NULL;
CREATE INDEX clients_missing ON factpulse.clients (account_id) WHERE _missing_since IS NOT NULL;

-- Every version of every client that a sweep saw: from when we knew it until we knew better.
CREATE TABLE factpulse.client_history (
    uid                uuid NOT NULL,
    valid_from         timestamptz NOT NULL,
    valid_to           timestamptz,                   -- NULL: the current version
    change_type        text NOT NULL CHECK (change_type IN ('appeared', 'changed', 'revived')),
    name               text NOT NULL,
    siret              text,
    description        text,
    is_active          boolean NOT NULL,
    has_config_pdp     boolean NOT NULL,
    pdp_is_active      boolean,
    pdp_is_mock        boolean,
    has_config_chorus  boolean NOT NULL,
    created_at         timestamptz NOT NULL,
    updated_at         timestamptz NOT NULL,
    CONSTRAINT client_history_forward CHECK (valid_to > valid_from),
    CONSTRAINT client_history_no_overlap EXCLUDE USING gist (uid WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
CREATE UNIQUE INDEX client_history_current ON factpulse.client_history (uid) WHERE valid_to IS NULL;

-- How old a stream of data may become, as the workers are told.
CREATE TABLE factpulse.promises (
    account_id  int NOT NULL REFERENCES factpulse.accounts,
    stream      text NOT NULL CHECK (stream IN ('clients', 'pdp')),
    max_age     interval NOT NULL CHECK (max_age > interval '0'),
    PRIMARY KEY (account_id, stream)
);

-- The PDP configuration and the webhook secret of each client, as far as the server tells. Never a secret.
CREATE TABLE factpulse.pdp_status (
    uid                        uuid PRIMARY KEY REFERENCES factpulse.clients,
    -- forbidden: 403; not_found: 404; refused: another 4xx. They are answers, not failures of ours.
    state                      text NOT NULL CHECK (state IN ('configured', 'not_configured', 'forbidden', 'not_found', 'refused')),
    is_active                  boolean,
    mode_sandbox               boolean,
    flow_service_url           text,
    token_url                  text,
    oauth_client_id            text,
    encryption_mode            text,
    secret_status              text,
    requires_client_key        boolean,
    last_test_at               timestamptz,
    last_test_success          boolean,
    last_test_error            text,
    config_created_at          timestamptz,
    config_updated_at          timestamptz,
    has_webhook_secret         boolean,                   -- NULL: not asked, for clients without a configuration
    webhook_secret_created_at  timestamptz,
    _source                    text NOT NULL CHECK (_source IN ('list', 'api')),
    _checked_at                timestamptz NOT NULL,      -- when the server was asked; of a row from the list: when it was written
    _client_hash               text NOT NULL,             -- clients._row_hash then: with another one now, this may have changed too
    _changed_at                timestamptz NOT NULL,
    _row_hash                  text NOT NULL,             -- of all that the server says but last_test_at
    CONSTRAINT pdp_status_list_knows_no_config CHECK (_source <> 'list' OR state = 'not_configured')
) WITH (fillfactor = 70);
CREATE INDEX pdp_status_by_age ON factpulse.pdp_status (_checked_at) WHERE _source = 'api';

CREATE TABLE factpulse.pdp_status_history (
    uid                        uuid NOT NULL,
    valid_from                 timestamptz NOT NULL,
    valid_to                   timestamptz,
    state                      text NOT NULL,
    is_active                  boolean,
    mode_sandbox               boolean,
    flow_service_url           text,
    token_url                  text,
    oauth_client_id            text,
    encryption_mode            text,
    secret_status              text,
    requires_client_key        boolean,
    last_test_success          boolean,
    last_test_error            text,
    config_updated_at          timestamptz,
    has_webhook_secret         boolean,
    webhook_secret_created_at  timestamptz,
    _row_hash                  text NOT NULL,
    CONSTRAINT pdp_status_history_forward CHECK (valid_to > valid_from),
    CONSTRAINT pdp_status_history_no_overlap EXCLUDE USING gist (uid WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
CREATE UNIQUE INDEX pdp_status_history_current ON factpulse.pdp_status_history (uid) WHERE valid_to IS NULL;

-- One plan of what to read.
CREATE TABLE factpulse.pdp_syncs (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  int NOT NULL REFERENCES factpulse.accounts,
    job_id      bigint NOT NULL,
    planned_at  timestamptz NOT NULL DEFAULT now(),
    clients     int NOT NULL,                         -- that exist
    configured  int NOT NULL,                         -- of them with a PDP configuration
    due         int NOT NULL,                         -- of these to be read
    warning     text                                  -- why the promise cannot be kept
);

-- Who is still to be read. A row goes with its answer, so a slice that died goes on where it was.
CREATE TABLE factpulse.pdp_due (
    uid       uuid PRIMARY KEY REFERENCES factpulse.clients,
    sync_id   bigint NOT NULL REFERENCES factpulse.pdp_syncs,
    slice     int NOT NULL,
    place     int NOT NULL                            -- what has changed first, then what was read longest ago
);
CREATE INDEX pdp_due_by_slice ON factpulse.pdp_due (sync_id, slice, place);
