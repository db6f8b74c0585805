-- Schema 2: one index takes another shape. The last four bytes of a request id are as good as random, so in an index over all
-- rows every row that is written or pruned touches a page of its own: nearly half of what pruning cost. In blocks of 32,768 rows
-- (some hundred pages) neighbours share them; who looks for a short id asks every block, three hundred of them in ten million rows.
--
-- Also new in meta: pruned_hours, set when `seen` holds provider ids of pruned rows under keys that begin with the hour
-- (ledger/witnesses.py); witnesses_pruned speaks of those that schema 1 wrote.
DROP INDEX requests_tail;
CREATE INDEX requests_short_id ON requests (id / 32768, substr(request_id, 13));
