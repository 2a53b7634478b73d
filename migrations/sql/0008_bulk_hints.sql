-- What keeps a bulk run going, and what a person should know of its rows.

-- The job that starts or follows the run, while no batch does.
ALTER TABLE factpulse.bulk_runs ADD COLUMN job_id bigint;

-- What a later run finds of an earlier one by name, where one of the two rows has no SIRET.
CREATE INDEX bulk_rows_by_any_name ON factpulse.bulk_rows (account_id, name_key)
 WHERE operation = 'create-clients' AND state IN ('ready', 'sending', 'uncertain', 'needs_review', 'done');
DROP INDEX factpulse.bulk_rows_by_name;

-- What failed lately.
CREATE INDEX bulk_rows_failed ON factpulse.bulk_rows (updated_at) WHERE state = 'failed';

-- Rows left to another run, which are this run's to follow.
CREATE INDEX bulk_rows_left ON factpulse.bulk_rows (account_id, run_id)
 WHERE operation = 'create-clients' AND state = 'duplicate' AND error_code = 'SENT_BY_ANOTHER_RUN';
