-- Schedules: what is enqueued at which times, and what became of each of those times.
--
-- Any worker fires them, and none leads. Which instants an expression names, the workers compute; that each of them is
-- judged once, the database sees to: whoever moves next_at on writes the ticks, and their jobs, in the same statement.

-- The clock that schedules go by, and nothing else does. A test puts another in its place.
CREATE FUNCTION queue.schedule_clock() RETURNS timestamptz
LANGUAGE sql STABLE AS 'SELECT now()';

CREATE TABLE queue.schedules (
    name        text PRIMARY KEY CHECK (name ~ '^[a-z][a-z0-9-]{0,62}$'),
    kind        text NOT NULL,
    args        jsonb NOT NULL CHECK (jsonb_typeof(args) = 'object'),
    queue       text NOT NULL CHECK (queue <> ''),
    cron        text NOT NULL,
    time_zone   text NOT NULL,
    missed      text NOT NULL,                        -- what becomes of ticks that no worker was there for
    overlap     boolean NOT NULL,                     -- whether a tick's job may be made before the one before has ended
    next_at     timestamptz,                          -- the first instant that is not judged; NULL: there is none
    paused_at   timestamptz,
    changed_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT schedules_missed_known CHECK (missed ~ '^(skip|last|all\(max [1-9][0-9]{0,2}\))$')
) WITH (fillfactor = 50);

-- One row an instant that has passed. It outlives its schedule: history, and no instant fires twice when it comes back.
CREATE TABLE queue.ticks (
    schedule   text NOT NULL,
    instant    timestamptz NOT NULL,
    outcome    text NOT NULL,
    job_id     bigint,
    reason     text,                                  -- why it was missed
    judged_at  timestamptz NOT NULL DEFAULT queue.schedule_clock(),
    PRIMARY KEY (schedule, instant),
    CONSTRAINT ticks_outcome_known CHECK (outcome IN ('enqueued', 'missed')),
    CONSTRAINT ticks_job_when_enqueued CHECK ((outcome = 'enqueued') = (job_id IS NOT NULL)),
    CONSTRAINT ticks_reason_when_missed CHECK ((outcome = 'missed') = (reason IS NOT NULL)),
    CONSTRAINT ticks_judged_after CHECK (judged_at >= instant)
);
