-- Schema 2: two indexes take another shape. The ends of a request id and of a provider's id are as good as random, so in an index
-- over all rows every row that is written or pruned touches a page of its own: most of what pruning cost. In blocks of 32,768 rows
-- (some hundred pages) neighbours share them; who looks for a short id asks every block, three hundred of them in ten million rows.
-- A provider's id is looked for where a time is known, so its blocks are days of UTC.
--
-- Also new in meta: pruned_hours, set when `seen` holds provider ids of pruned rows under keys that begin with the hour
-- (ledger/witnesses.py); witnesses_pruned speaks of those that schema 1 wrote.
DROP INDEX requests_tail;
CREATE INDEX requests_short_id ON requests (id / 32768, substr(request_id, 13));
DROP INDEX requests_provider_id;
CREATE INDEX requests_provider_day ON requests (started_ms / 86400000, substr(provider_request_id, -6))
  WHERE provider_request_id IS NOT NULL;
