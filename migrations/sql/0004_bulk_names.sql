-- Rows without SIRET are known to other runs by their name alone.
CREATE INDEX bulk_rows_by_name ON factpulse.bulk_rows (name_key)
 WHERE operation = 'create-clients' AND siret IS NULL AND state IN ('ready', 'sending', 'uncertain', 'needs_review', 'done');
