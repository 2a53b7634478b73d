-- The claim and the end of a batch as JobStore sends them, for pgbench: what the schema allows with no client to speak
-- of. Variables: batch, and last = 0 at first. Each client is a worker of its own.
\set worker :client_id + 1
WITH me AS MATERIALIZED (
    SELECT id FROM queue.workers WHERE id = :worker FOR KEY SHARE
), picked AS MATERIALIZED (
    SELECT r.ctid
      FROM queue.ready r
     WHERE r.queue = 'default'
       AND (r.priority, r.job_id) > (100, :last::bigint)
     ORDER BY r.priority, r.job_id
     LIMIT :batch::bigint
       FOR UPDATE SKIP LOCKED
), taken AS (
    DELETE FROM queue.ready r
     WHERE r.ctid = ANY (ARRAY(SELECT ctid FROM picked)) AND EXISTS (SELECT FROM me)
    RETURNING r.job_id
), leased AS (
    INSERT INTO queue.leases (job_id, token, worker_id)
    SELECT job_id, nextval('queue.lease_tokens'), :worker::bigint FROM taken
    RETURNING job_id, token
), claimed AS (
    SELECT l.job_id, l.token, j.kind, j.args, j.attempt + 1, j.max_attempts, j.priority, j.batch_id,
           j.unique_key IS NOT NULL
      FROM leased l
     CROSS JOIN LATERAL (SELECT * FROM queue.jobs WHERE id = l.job_id OFFSET 0) j
)
SELECT coalesce(array_agg(job_id), '{}') AS ids, coalesce(array_agg(token), '{}') AS tokens,
       coalesce(max(job_id), :last::bigint) AS last, count(kind) AS kinds, sum(length(args::text)) AS letters
  FROM claimed
\gset
WITH mine AS (
    DELETE FROM queue.leases l
     USING unnest(:ids::bigint[], :tokens::bigint[], array_fill('{"ok": true}'::text, ARRAY[cardinality(:ids::bigint[])]))
        AS d (job_id, token, result)
     WHERE l.job_id = d.job_id AND l.token = d.token
    RETURNING l.job_id, d.result
)
UPDATE queue.jobs j
   SET state = 'done', attempt = j.attempt + 1, ended_at = now(), result = mine.result::jsonb
  FROM mine
 WHERE j.id = mine.job_id;
