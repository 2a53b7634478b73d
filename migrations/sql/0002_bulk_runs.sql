-- Bulk runs: one CSV file and one operation, and what became of every row of it.

CREATE SCHEMA factpulse;

-- The account on a server that this database works for: one, since what was learned with it says nothing about another.
CREATE TABLE factpulse.accounts (
    id    int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name  text NOT NULL UNIQUE                        -- address of the API / e-mail
);
CREATE UNIQUE INDEX accounts_one ON factpulse.accounts ((true));

CREATE TABLE factpulse.bulk_runs (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id   int NOT NULL REFERENCES factpulse.accounts,
    operation    text NOT NULL CHECK (operation IN ('create-clients', 'update-clients', 'activate', 'deactivate',
                                                    'configure-pdp', 'rotate-keys', 'generate-webhook-secrets')),
    -- staged: the rows are here; running: compared with the server, jobs are made; paused: stopped by a refusal that
    -- concerns all rows; finished: no row is open; cancelled: by an operator, no further row is sent.
    state        text NOT NULL DEFAULT 'staged' CHECK (state IN ('staged', 'running', 'paused', 'finished', 'cancelled')),
    file_name    text NOT NULL,
    -- The operation, the digest of the file and the options that change what a row means: the same file again
    -- is the same run.
    identity     text NOT NULL UNIQUE,
    columns      text[] NOT NULL,
    delimiter    text NOT NULL,
    encoding     text NOT NULL,
    row_count    bigint NOT NULL CHECK (row_count >= 0),
    -- The staged rows up to this one have been compared with the server and got their jobs.
    released     bigint NOT NULL DEFAULT 0,
    batch_id     bigint,                              -- the jobs of its rows
    reason       text,
    created_at   timestamptz NOT NULL DEFAULT now(),
    started_at   timestamptz,
    finished_at  timestamptz,
    UNIQUE (id, operation, account_id),
    CONSTRAINT bulk_runs_paused_says_why CHECK (state <> 'paused' OR reason IS NOT NULL),
    CONSTRAINT bulk_runs_finished_when_over CHECK ((state IN ('finished', 'cancelled')) = (finished_at IS NOT NULL))
);

CREATE TABLE factpulse.bulk_rows (
    run_id        bigint NOT NULL,
    row           bigint NOT NULL,                    -- from 1, in the order of the file
    operation     text NOT NULL,
    line          bigint NOT NULL,                    -- physical line in the file where the record starts
    state         text NOT NULL,
    siret         text CHECK (siret ~ '^[0-9]{14}$'),
    name          text,
    name_key      text,                               -- the name, folded: how clients without SIRET are compared
    fields        jsonb NOT NULL DEFAULT '{}',        -- what goes to the API, beside name and SIRET
    cells         text[] NOT NULL,                    -- the record as it stood in the file, without secrets
    secret_id     uuid,                               -- under which the vault has the row's secret
    account_id    int NOT NULL,
    attempt       int NOT NULL DEFAULT 0,             -- calls that the server may have carried out
    sent_at       timestamptz,                        -- when the last of them was
    settle_until  timestamptz,                        -- before this, the server may still carry out a call we gave up
    absences      int NOT NULL DEFAULT 0,             -- complete sweeps since then that did not find the client
    absent_at     timestamptz,                        -- when the last of them began
    -- The job that sends or sent it: only the holder of this very lease may say how the call ended.
    job_id        bigint,
    token         bigint,
    releases      int NOT NULL DEFAULT 0,             -- jobs made for it after its first one ended without an answer
    uid           uuid,
    baseline      timestamptz,                        -- when the client had last changed before our call, as the server says
    delivered_at  timestamptz,                        -- when the webhook secret that it made was handed over
    adopted       boolean NOT NULL DEFAULT false,     -- the answer was lost, and a sweep found the client
    candidates    uuid[],
    error_code    text,
    error         text,
    updated_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (run_id, row),
    FOREIGN KEY (run_id, operation, account_id) REFERENCES factpulse.bulk_runs (id, operation, account_id),
    CONSTRAINT bulk_rows_state_known CHECK (state IN ('staged', 'rejected', 'duplicate', 'exists', 'ready', 'sending', 'done',
                                                      'failed', 'uncertain', 'needs_review', 'skipped')),
    CONSTRAINT bulk_rows_done_has_uid CHECK (state NOT IN ('done', 'exists') OR uid IS NOT NULL),
    CONSTRAINT bulk_rows_refusal_says_why CHECK (state NOT IN ('rejected', 'duplicate', 'failed', 'needs_review') OR error_code IS NOT NULL),
    CONSTRAINT bulk_rows_sent_is_dated CHECK (state NOT IN ('sending', 'uncertain') OR (sent_at IS NOT NULL AND settle_until IS NOT NULL
                                                                       AND job_id IS NOT NULL AND token IS NOT NULL)),
    CONSTRAINT bulk_rows_valid_has_name CHECK (operation <> 'create-clients' OR state IN ('rejected', 'duplicate') OR name IS NOT NULL)
) WITH (fillfactor = 70);

-- No two rows, of any runs, may be creating a client with one SIRET: the API has neither a unique rule nor a delete.
CREATE UNIQUE INDEX bulk_rows_one_creator ON factpulse.bulk_rows (account_id, siret)
 WHERE operation = 'create-clients' AND state IN ('ready', 'sending', 'uncertain', 'needs_review');
-- What a later run finds of an earlier one: by SIRET, and for rows without one by name.
CREATE INDEX bulk_rows_created ON factpulse.bulk_rows (account_id, siret) WHERE operation = 'create-clients' AND state = 'done';
CREATE INDEX bulk_rows_by_name ON factpulse.bulk_rows (account_id, name_key)
 WHERE operation = 'create-clients' AND siret IS NULL AND state IN ('ready', 'sending', 'uncertain', 'needs_review', 'done');
-- What is not over yet.
CREATE INDEX bulk_rows_open ON factpulse.bulk_rows (run_id, state, row) WHERE state IN ('staged', 'ready', 'sending', 'uncertain', 'needs_review');
-- Whose client a client is.
CREATE INDEX bulk_rows_by_uid ON factpulse.bulk_rows (uid) WHERE uid IS NOT NULL;

-- One reading of the whole client list.
CREATE TABLE factpulse.sweeps (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    purpose      text NOT NULL,
    began_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at     timestamptz,
    -- complete: every client that existed while it ran was seen; partial: absence proves nothing.
    outcome      text CHECK (outcome IN ('complete', 'partial')),
    clients      int,
    CONSTRAINT sweeps_ended_has_outcome CHECK ((ended_at IS NULL) = (outcome IS NULL))
);

-- The clients that a sweep saw; kept until it has been used. Not logged: a sweep whose rows are gone is made again.
CREATE UNLOGGED TABLE factpulse.sightings (
    sweep_id    bigint NOT NULL,
    uid         uuid NOT NULL,
    siret       text,
    name_key    text NOT NULL,
    is_active   boolean NOT NULL,
    created_at  timestamptz NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (sweep_id, uid)
);
CREATE INDEX sightings_by_siret ON factpulse.sightings (sweep_id, siret) WHERE siret IS NOT NULL;
CREATE INDEX sightings_by_name ON factpulse.sightings (sweep_id, name_key);
