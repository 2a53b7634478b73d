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
