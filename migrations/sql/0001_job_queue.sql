-- The job queue: what waits, what runs, what ended.
--
-- A job is one wide row in queue.jobs, written when it is enqueued and once more when it ends. Where it is meanwhile
-- is told by a narrow row in exactly one of queue.ready, queue.scheduled, queue.parked or queue.leases; those only see
-- INSERT and DELETE. No index stands on a column that the end of a job changes, so that the one update stays HOT (fillfactor 50).

CREATE SCHEMA queue;

-- Kinds of job that some worker or program has declared: an unknown kind is refused at the source.
CREATE TABLE queue.kinds (
    kind          text PRIMARY KEY CHECK (kind ~ '^[a-z][a-z0-9-]{0,62}$'),
    description   text NOT NULL,
    -- Name of each argument and its JSON type; a trailing ? marks one that may be absent: {"run": "number", "note": "string?"}.
    args          jsonb NOT NULL CHECK (jsonb_typeof(args) = 'object'),
    max_attempts  int NOT NULL CHECK (max_attempts BETWEEN 1 AND 1000),
    max_crashes   int NOT NULL CHECK (max_crashes BETWEEN 1 AND 1000),
    declared_at   timestamptz NOT NULL DEFAULT now()
);

CREATE SEQUENCE queue.job_ids;

CREATE TABLE queue.jobs (
    id               bigint PRIMARY KEY DEFAULT nextval('queue.job_ids'),
    -- 'pending' covers ready, scheduled, parked and running: which of them, queue.job_overview says.
    state            text NOT NULL DEFAULT 'pending',
    kind             text NOT NULL,
    args             jsonb NOT NULL CHECK (jsonb_typeof(args) = 'object'),
    queue            text NOT NULL CHECK (octet_length(queue) BETWEEN 1 AND 500),
    priority         int NOT NULL,                    -- the smaller number runs first
    attempt          int NOT NULL DEFAULT 0,          -- attempts that ended and counted; the running one is not among them
    crashes          int NOT NULL DEFAULT 0,          -- how often it was to blame that its worker vanished
    max_attempts     int NOT NULL CHECK (max_attempts BETWEEN 1 AND 1000),
    unique_key       text,
    -- Of the jobs that share one, at most one runs. Short: what an index cannot hold would end each claim of it.
    concurrency_key  text COLLATE "C" CHECK (octet_length(concurrency_key) BETWEEN 1 AND 500),
    batch_id         bigint,
    result           jsonb,
    error            text,
    created_at       timestamptz NOT NULL DEFAULT now(),
    ended_at         timestamptz,
    CONSTRAINT jobs_state_known CHECK (state IN ('pending', 'done', 'failed', 'cancelled', 'quarantined')),
    CONSTRAINT jobs_ended_when_over CHECK ((state = 'pending') = (ended_at IS NULL)),
    CONSTRAINT jobs_error_when_failed CHECK (state NOT IN ('failed', 'quarantined') OR error IS NOT NULL)
) WITH (fillfactor = 50);

CREATE TABLE queue.ready (
    queue            text NOT NULL,
    priority         int NOT NULL,
    job_id           bigint NOT NULL,
    concurrency_key  text COLLATE "C",
    PRIMARY KEY (queue, priority, job_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

CREATE TABLE queue.scheduled (
    run_at           timestamptz NOT NULL CHECK (isfinite(run_at)),
    job_id           bigint NOT NULL,
    queue            text NOT NULL,
    priority         int NOT NULL,
    concurrency_key  text COLLATE "C",
    PRIMARY KEY (run_at, job_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- A worker is alive while it beats. Its row is what a claim locks, so that a worker declared dead claims nothing.
CREATE TABLE queue.workers (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name         text NOT NULL,                       -- host:pid
    version      text NOT NULL,
    queues       text[] NOT NULL,
    concurrency  int NOT NULL,
    started_at   timestamptz NOT NULL DEFAULT now(),
    beat_at      timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- The fencing token: never given twice, so a worker that was away too long holds a number that fits nothing.
CREATE SEQUENCE queue.lease_tokens CACHE 64;

CREATE TABLE queue.leases (
    job_id      bigint PRIMARY KEY,
    token       bigint NOT NULL,
    worker_id   bigint NOT NULL,
    -- It is the one suspect that this worker runs: see queue.suspect_lane.
    suspect     boolean NOT NULL DEFAULT false,
    started_at  timestamptz NOT NULL DEFAULT now()
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Where jobs of a queue are ready that ran on a worker which vanished, if another job may as well have been the cause. A
-- worker takes one of them at a time, beside others that are under no suspicion: if it vanishes again, that one is blamed.
CREATE FUNCTION queue.suspect_lane(queue text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT queue || ' (suspects)' $$;

-- Concurrency keys. A job that runs holds its key: it has a row here exactly as long as it has a lease. A claim that
-- meets a held key takes the job aside, to queue.parked, where no claim walks over it again. Whatever ends a lease then
-- asks queue.release_keys, in the same transaction, which lets go of the key and brings back the next parked job.
--
-- Nothing is parked for ever, because whoever parks locks the holder's row until its commit: the holder's end comes
-- after that and sees the parked job, or before it and then there is no holder. Everyone takes these rows in the order
-- of their keys, and waits for no row of another table while he has one, so nobody waits in a circle. They are locked
-- only by statements that are sent together with their commit: a process that stops keeps nobody waiting. A waiting,
-- delayed or failed job holds no key.
CREATE TABLE queue.key_holders (
    concurrency_key  text COLLATE "C" PRIMARY KEY,
    job_id           bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Jobs that were due and met a held key.
CREATE TABLE queue.parked (
    concurrency_key  text COLLATE "C" NOT NULL,
    queue            text NOT NULL,
    priority         int NOT NULL,
    job_id           bigint NOT NULL,
    PRIMARY KEY (concurrency_key, queue, priority, job_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- Attempts that did not end in success. A success stands in queue.jobs alone.
CREATE TABLE queue.attempts (
    job_id      bigint NOT NULL,
    attempt     int NOT NULL,
    token       bigint NOT NULL,
    worker      text NOT NULL,
    outcome     text NOT NULL CHECK (outcome IN ('retry', 'failed', 'cancelled', 'crashed')),
    error       text,
    started_at  timestamptz NOT NULL,
    ended_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX attempts_by_job ON queue.attempts (job_id);

-- Who holds a unique key: the row lives exactly as long as its job is pending.
CREATE TABLE queue.unique_keys (
    kind    text NOT NULL,
    key     text NOT NULL,
    job_id  bigint NOT NULL UNIQUE,
    PRIMARY KEY (kind, key)
);

-- A batch is a set of jobs and a job that follows when all of them have ended, however they ended.
CREATE TABLE queue.batches (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    callback_kind  text NOT NULL,
    callback_args  jsonb NOT NULL CHECK (jsonb_typeof(callback_args) = 'object'),
    sealed         boolean NOT NULL DEFAULT false,    -- true: no more members will come
    created_at     timestamptz NOT NULL DEFAULT now(),
    finished_at    timestamptz,
    callback_job   bigint,
    CONSTRAINT batches_finish_once CHECK ((finished_at IS NULL) = (callback_job IS NULL)),
    CONSTRAINT batches_finish_sealed CHECK (finished_at IS NULL OR sealed)
);
CREATE INDEX batches_open ON queue.batches (id) WHERE finished_at IS NULL;

-- One row a member that has not ended.
CREATE TABLE queue.batch_members (
    batch_id  bigint NOT NULL REFERENCES queue.batches (id),
    job_id    bigint NOT NULL,
    PRIMARY KEY (batch_id, job_id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0);

-- The fleet-wide limit on API requests: a virtual schedule (GCRA). next_at is when the next free slot is.
CREATE TABLE queue.rate_limits (
    name           text PRIMARY KEY,
    cap            float8 NOT NULL CHECK (cap > 0),               -- configured requests a second
    rate           float8 NOT NULL CHECK (rate > 0),              -- learned requests a second, never above cap
    rate_at        timestamptz NOT NULL DEFAULT clock_timestamp(),-- since when rate has been creeping back
    next_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    blocked_until  timestamptz NOT NULL DEFAULT '-infinity',
    strikes        int NOT NULL DEFAULT 0,                        -- throttled times in a row, for the growing back-off
    throttled      bigint NOT NULL DEFAULT 0,
    CONSTRAINT rate_limits_rate_capped CHECK (rate <= cap)
) WITH (fillfactor = 50);

-- Milliseconds of the last wake-up. A sequence because it must not be transactional: an enqueuing transaction that
-- stays open must neither block the others nor hide its wake-up from them.
CREATE SEQUENCE queue.wake_clock MINVALUE 0 START 0;

-- Where every job is. For people and for the CLI; workers do not read it.
CREATE VIEW queue.job_overview AS
SELECT j.id,
       CASE WHEN j.state <> 'pending' THEN j.state
            WHEN l.job_id IS NOT NULL THEN 'running'
            WHEN s.job_id IS NOT NULL THEN 'scheduled'
            WHEN p.job_id IS NOT NULL THEN 'parked'
            ELSE 'ready' END AS state,
       j.kind, j.queue, j.priority, j.args, j.attempt, j.max_attempts, j.crashes, j.unique_key, j.concurrency_key,
       j.batch_id, j.result, j.error, j.created_at, s.run_at, l.started_at, w.name AS worker, j.ended_at
  FROM queue.jobs j
  LEFT JOIN queue.leases l ON l.job_id = j.id AND j.state = 'pending'
  LEFT JOIN queue.workers w ON w.id = l.worker_id
  LEFT JOIN queue.scheduled s ON s.job_id = j.id AND j.state = 'pending'
  LEFT JOIN queue.parked p ON p.concurrency_key = j.concurrency_key AND p.queue IN (j.queue, queue.suspect_lane(j.queue)) AND p.priority = j.priority
                          AND p.job_id = j.id AND j.state = 'pending';
CREATE INDEX scheduled_by_job ON queue.scheduled (job_id);

-- Wakes idle workers, at most once in 50 ms and on the leading edge: the first enqueue after a pause notifies at its
-- commit. Those within the next 50 ms do not; a woken worker looks again until the window is over. A transaction does so
-- once, however long it enqueues: what it says again at its commit nobody needs, and meanwhile others may speak.
CREATE FUNCTION queue.wake() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    now_ms  bigint := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    last_ms bigint;
BEGIN
    IF current_setting('queue.woken', true) = 'yes' THEN
        RETURN;
    END IF;
    SELECT last_value INTO last_ms FROM queue.wake_clock;
    -- abs: a clock that was set back must not silence this until it has caught up.
    IF abs(now_ms - last_ms) < 50 OR NOT pg_try_advisory_lock(hashtextextended('queue.wake', 0)) THEN
        RETURN;
    END IF;
    -- Asked again under the lock: of many that enqueue at once, one notifies.
    SELECT last_value INTO last_ms FROM queue.wake_clock;
    IF abs(now_ms - last_ms) >= 50 THEN
        PERFORM setval('queue.wake_clock', now_ms);
        PERFORM pg_notify('queue_wake', '');
        PERFORM set_config('queue.woken', 'yes', true);
    END IF;
    PERFORM pg_advisory_unlock(hashtextextended('queue.wake', 0));
END $$;

-- Refuses arguments that do not fit their kind, naming the first fault. Returns the kind's number of attempts.
CREATE FUNCTION queue.check_args(for_kind text, all_args jsonb[]) RETURNS int
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known  queue.kinds;
    name   text;
    wanted text;
    actual text;
BEGIN
    SELECT * INTO known FROM queue.kinds k WHERE k.kind = for_kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'unknown job kind %', coalesce(quote_literal(for_kind), 'NULL') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Known kinds: ' || coalesce((SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM queue.kinds k),
                'none yet; run factpulse-worker migrate');
    END IF;
    IF EXISTS (SELECT FROM unnest(all_args) a WHERE jsonb_typeof(a) IS DISTINCT FROM 'object') THEN
        RAISE EXCEPTION 'the arguments of a % job must be a JSON object', for_kind USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT (SELECT min(key) FROM jsonb_object_keys(a - coalesce(names, '{}')) key) INTO name
      FROM unnest(all_args) a, (SELECT array_agg(key) AS names FROM jsonb_object_keys(known.args) key) k
     WHERE a - coalesce(names, '{}') <> '{}' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'a % job takes no argument %', for_kind, quote_literal(name) USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It takes: ' || coalesce((SELECT string_agg(key, ', ' ORDER BY key) FROM jsonb_object_keys(known.args) key), 'none');
    END IF;
    FOR name, wanted IN SELECT key, value FROM jsonb_each_text(known.args) LOOP
        SELECT coalesce(jsonb_typeof(a -> name), 'missing') INTO actual
          FROM unnest(all_args) a
         WHERE CASE WHEN a ? name AND jsonb_typeof(a -> name) <> 'null' THEN jsonb_typeof(a -> name) <> rtrim(wanted, '?')
                    ELSE right(wanted, 1) <> '?' END
         LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION 'argument % of a % job must be a %, not %', quote_literal(name), for_kind, rtrim(wanted, '?'), actual
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END LOOP;
    RETURN known.max_attempts;
END $$;

-- Refuses concurrency keys that are empty or long.
CREATE FUNCTION queue.check_keys(keys text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM unnest(keys) AS k (key) WHERE octet_length(k.key) NOT BETWEEN 1 AND 500) THEN
        RAISE EXCEPTION 'a concurrency key has 1 to 500 bytes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
END $$;

-- Enqueues one job in the caller's transaction and returns its id; for any language that speaks SQL.
--
-- A unique_key names work that must not wait or run twice: while a job of this kind holds it, no second one is made
-- and the id of the first is returned. Of jobs with one concurrency_key, of whatever kind and queue, at most one runs at
-- a time; the others wait, in the order of priority and age, and hold up nobody else. run_at delays; priority orders, the
-- smaller number first.
CREATE FUNCTION queue.enqueue(
    kind text, args jsonb, queue text DEFAULT 'default', run_at timestamptz DEFAULT now(), priority int DEFAULT 100,
    unique_key text DEFAULT NULL, max_attempts int DEFAULT NULL, concurrency_key text DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    attempts int := queue.check_args(enqueue.kind, ARRAY[enqueue.args]);
    new_id   bigint := nextval('queue.job_ids');
    held_by  bigint;
BEGIN
    PERFORM queue.check_keys(ARRAY[enqueue.concurrency_key]) WHERE enqueue.concurrency_key IS NOT NULL;
    IF enqueue.unique_key IS NOT NULL THEN
        FOR tries IN 1..3 LOOP
            INSERT INTO queue.unique_keys (kind, key, job_id) VALUES (enqueue.kind, enqueue.unique_key, new_id) ON CONFLICT DO NOTHING;
            EXIT WHEN FOUND;
            SELECT u.job_id INTO held_by FROM queue.unique_keys u WHERE u.kind = enqueue.kind AND u.key = enqueue.unique_key;
            IF FOUND THEN
                RETURN held_by;
            END IF;
            -- The holder ended between the two statements: try once more, for ever only under an old snapshot.
            IF tries = 3 THEN
                RAISE EXCEPTION 'unique key % is changing hands', quote_literal(enqueue.unique_key)
                    USING ERRCODE = 'serialization_failure', HINT = 'Run the transaction again.';
            END IF;
        END LOOP;
    END IF;
    INSERT INTO queue.jobs (id, kind, args, queue, priority, max_attempts, unique_key, concurrency_key)
    VALUES (new_id, enqueue.kind, enqueue.args, coalesce(enqueue.queue, 'default'), coalesce(enqueue.priority, 100),
            coalesce(enqueue.max_attempts, attempts), enqueue.unique_key, enqueue.concurrency_key);
    IF enqueue.run_at > now() THEN
        INSERT INTO queue.scheduled (run_at, job_id, queue, priority, concurrency_key)
        VALUES (enqueue.run_at, new_id, coalesce(enqueue.queue, 'default'), coalesce(enqueue.priority, 100), enqueue.concurrency_key);
    ELSE
        INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
        VALUES (coalesce(enqueue.queue, 'default'), coalesce(enqueue.priority, 100), new_id, enqueue.concurrency_key);
    END IF;
    PERFORM queue.wake();
    RETURN new_id;
END $$;

-- Enqueues one job an element of args, in order, and returns how many. All or none: one bad element refuses them all.
-- With a batch_id the jobs become members of that open batch; concurrency_keys has an element for each of args.
CREATE FUNCTION queue.enqueue_many(
    kind text, args jsonb[], queue text DEFAULT 'default', run_at timestamptz DEFAULT now(), priority int DEFAULT 100,
    max_attempts int DEFAULT NULL, batch_id bigint DEFAULT NULL, concurrency_keys text[] DEFAULT NULL
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    attempts int := queue.check_args(enqueue_many.kind, enqueue_many.args);
    made     bigint;
BEGIN
    PERFORM queue.check_keys(enqueue_many.concurrency_keys) WHERE enqueue_many.concurrency_keys IS NOT NULL;
    IF cardinality(enqueue_many.concurrency_keys) <> cardinality(enqueue_many.args) THEN
        RAISE EXCEPTION '% concurrency keys for % jobs', cardinality(enqueue_many.concurrency_keys), cardinality(enqueue_many.args)
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF enqueue_many.batch_id IS NOT NULL THEN
        -- Held until the commit, so that the batch cannot be sealed and finished under these members.
        PERFORM FROM queue.batches b WHERE b.id = enqueue_many.batch_id AND NOT b.sealed FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'batch % is not open', enqueue_many.batch_id USING ERRCODE = 'invalid_parameter_value';
        END IF;
    END IF;
    WITH new AS (
        INSERT INTO queue.jobs (kind, args, queue, priority, max_attempts, batch_id, concurrency_key)
        SELECT enqueue_many.kind, j.args, coalesce(enqueue_many.queue, 'default'), coalesce(enqueue_many.priority, 100),
               coalesce(enqueue_many.max_attempts, attempts), enqueue_many.batch_id, j.key
          FROM unnest(enqueue_many.args, enqueue_many.concurrency_keys) AS j (args, key)
        RETURNING id, queue, priority, batch_id, concurrency_key
    ), waiting AS (
        INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
        SELECT n.queue, n.priority, n.id, n.concurrency_key FROM new n WHERE coalesce(enqueue_many.run_at, now()) <= now()
    ), delayed AS (
        INSERT INTO queue.scheduled (run_at, job_id, queue, priority, concurrency_key)
        SELECT enqueue_many.run_at, n.id, n.queue, n.priority, n.concurrency_key FROM new n WHERE enqueue_many.run_at > now()
    ), joined AS (
        INSERT INTO queue.batch_members (batch_id, job_id)
        SELECT n.batch_id, n.id FROM new n WHERE n.batch_id IS NOT NULL
    )
    SELECT count(*) INTO made FROM new;
    PERFORM queue.wake();
    RETURN made;
END $$;

-- The fence as a statement: first in the transaction of every write that a job makes. It holds the lease until the
-- commit, or fails with SQLSTATE FQ001 when another worker has been given the job.
CREATE FUNCTION queue.fence(job_id bigint, token bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM queue.leases l WHERE l.job_id = fence.job_id AND l.token = fence.token FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'job % is no longer leased under token %', fence.job_id, fence.token USING ERRCODE = 'FQ001';
    END IF;
END $$;

-- Takes jobs that have ended out of what only pending jobs hold; those still pending are left alone. Stands in the
-- transaction that ends them.
CREATE FUNCTION queue.let_go(job_ids bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM queue.unique_keys u USING queue.jobs j
     WHERE u.job_id = j.id AND j.id = ANY (job_ids) AND j.state <> 'pending';
    DELETE FROM queue.batch_members m USING queue.jobs j
     WHERE j.id = ANY (job_ids) AND j.state <> 'pending' AND m.batch_id = j.batch_id AND m.job_id = j.id;
$$;

-- Lets go of those of the given concurrency keys whose holder has no lease any more, and brings back the next parked job
-- of each that is free then. To be asked in the transaction that ended a lease or a waiting job, as its last statement;
-- harmless to repeat. A job brought back while another one runs is parked again by the claim that meets it.
CREATE FUNCTION queue.release_keys(keys text[]) RETURNS void
-- Even while these tables are small: a plan that scans them would be kept when they have grown.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET jit = off AS $$
DECLARE
    free      text;
    next      queue.parked;
    last_seen text;
    has_moved boolean := false;
BEGIN
    -- In a statement of its own: claims that are parking behind these holders commit first, and are then seen.
    PERFORM FROM queue.key_holders h WHERE h.concurrency_key = ANY (keys) ORDER BY h.concurrency_key FOR UPDATE;
    DELETE FROM queue.key_holders h
     WHERE h.concurrency_key = ANY (keys) AND NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = h.job_id);
    FOR free IN
        SELECT DISTINCT k.key COLLATE "C" FROM unnest(keys) AS k (key)
         WHERE EXISTS (SELECT FROM queue.parked p WHERE p.concurrency_key = k.key)
           AND NOT EXISTS (SELECT FROM queue.key_holders h WHERE h.concurrency_key = k.key)
         ORDER BY 1
    LOOP
        -- One of each queue: nobody may be serving the queue of the very next one.
        last_seen := '';
        LOOP
            DELETE FROM queue.parked d
             WHERE (d.concurrency_key, d.queue, d.priority, d.job_id) = (
                       SELECT p.concurrency_key, p.queue, p.priority, p.job_id FROM queue.parked p
                        WHERE p.concurrency_key = free AND p.queue > last_seen
                        ORDER BY p.queue, p.priority, p.job_id LIMIT 1
                          -- Whoever cancels a parked job waits for its key: nobody who has the key waits for the job.
                          FOR UPDATE SKIP LOCKED)
            RETURNING * INTO next;
            EXIT WHEN NOT FOUND;
            INSERT INTO queue.ready (queue, priority, job_id, concurrency_key)
            VALUES (next.queue, next.priority, next.job_id, next.concurrency_key);
            last_seen := next.queue;
            has_moved := true;
        END LOOP;
    END LOOP;
    IF has_moved THEN
        PERFORM queue.wake();
    END IF;
END $$;

-- The same for all keys whose holder has no lease, and for those that nobody holds though jobs are parked.
CREATE FUNCTION queue.release_orphaned_keys() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT queue.release_keys(array_agg(o.concurrency_key))
      FROM (SELECT h.concurrency_key FROM queue.key_holders h
             WHERE NOT EXISTS (SELECT FROM queue.leases l WHERE l.job_id = h.job_id)
             UNION
            SELECT p.concurrency_key FROM queue.parked p
             WHERE NOT EXISTS (SELECT FROM queue.key_holders h WHERE h.concurrency_key = p.concurrency_key)) o
    HAVING count(*) > 0;
$$;

-- Finishes the sealed batches among those given that have no member left, each exactly once, and enqueues their
-- callback in the same transaction. To be asked after the commit that ended a member: inside it, two last members
-- that end at once would each still see the other.
CREATE FUNCTION queue.finish_batches(batch_ids bigint[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    batch    queue.batches;
    finished bigint := 0;
BEGIN
    FOR batch IN
        SELECT b.* FROM queue.batches b
         WHERE b.id = ANY (batch_ids) AND b.sealed AND b.finished_at IS NULL
           AND NOT EXISTS (SELECT FROM queue.batch_members m WHERE m.batch_id = b.id)
         ORDER BY b.id
           FOR UPDATE
    LOOP
        BEGIN
            UPDATE queue.batches
               SET finished_at = now(), callback_job = queue.enqueue(batch.callback_kind, batch.callback_args)
             WHERE id = batch.id;
            finished := finished + 1;
        EXCEPTION WHEN invalid_parameter_value THEN
            -- A callback of another version must not stop whoever ends a member.
            RAISE WARNING 'batch % cannot be finished: %', batch.id, SQLERRM;
        END;
    END LOOP;
    RETURN finished;
END $$;
