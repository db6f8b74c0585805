-- The ledger, schema 1, on one page. Migration 1 executes this file, then the triggers of schema_v1_guards.sql and the public
-- views of schema_v1_views.sql.
--
-- Units: *_ms is milliseconds (a time is Unix milliseconds UTC, a duration is a length); *_nanousd is integer 1e-9 USD;
-- *_tokens and other usage are counts, inclusive with subsets (cache_read_tokens is a part of input_tokens).
-- NULL is unknown, never zero. Rows of requests, adjustments, seen and of the dictionaries (but attributions and sessions)
-- are immutable: triggers refuse UPDATE and REPLACE always, DELETE outside retention. Every table is STRICT, so no type slips
-- in through a side door. Digests are 16 bytes of BLAKE2b over a JSON array of the values, since NULLs never collide in a UNIQUE.
--
-- Counts that reports sum, the same in adjustments and roll-ups: `requests` rows net of duplicates; `failed` status is failed or
-- interrupted; `unpriced` cost is NULL; `estimated` usage_quality is estimated or partial, or cost_source is default;
-- `untold` neither input nor output tokens are known.

-- Who the ledger is, and single facts about it: ledger_id (spools are keyed by it), home_zone (fixed when it is made, the
-- day cube is kept in it), created_ms, witnesses_pruned, rolled_request and rolled_adjustment (watermarks), retention
-- (present only inside a prune's transaction).
CREATE TABLE meta (
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Dictionaries: each distinct set of values once, rows point to it. They keep a row small, and make one cube of all
-- single-valued dimensions possible with three integers (model, attribution, trait) as its key.
CREATE TABLE models (            -- what was asked for and from whom: `provider/model` in flags and reports
  id       INTEGER PRIMARY KEY,
  provider TEXT NOT NULL,
  model    TEXT NOT NULL,        -- '' when the request did not say
  UNIQUE (provider, model)
) STRICT;
CREATE TABLE attributions (      -- for whom and from where; erasing a person edits this table and sessions, no row
  id        INTEGER PRIMARY KEY,
  digest    BLOB NOT NULL UNIQUE,
  client TEXT, user TEXT, team TEXT, project TEXT, operation TEXT, app TEXT,
  key    TEXT,                   -- fingerprint of the API key, never the key
  host   TEXT
) STRICT;
CREATE TABLE sessions (          -- many-valued or endless, so not in the cube; one conversation still fills many rows
  id      INTEGER PRIMARY KEY,
  digest  BLOB NOT NULL UNIQUE,
  session TEXT, branch TEXT,
  tags    TEXT                   -- JSON object, or NULL
) STRICT;
CREATE INDEX sessions_session ON sessions (session) WHERE session IS NOT NULL;
CREATE TABLE traits (            -- how a request came and ended: few distinct sets, long words
  id            INTEGER PRIMARY KEY,
  source        TEXT NOT NULL,   -- run, proxy, api, import:<tool>
  dialect       TEXT NOT NULL,   -- wire format, or none
  endpoint      TEXT NOT NULL,
  status        TEXT NOT NULL CHECK (status IN ('completed', 'failed', 'cancelled', 'interrupted')),
  billing       TEXT NOT NULL CHECK (billing IN ('api', 'subscription', 'local', 'unknown')),
  cost_source   TEXT NOT NULL CHECK (cost_source IN ('computed', 'reported', 'cache', 'not_billed', 'default', 'none')),
  usage_quality TEXT NOT NULL CHECK (usage_quality IN ('exact', 'partial', 'estimated', 'missing')),
  UNIQUE (source, dialect, endpoint, status, billing, cost_source, usage_quality)
) STRICT;
CREATE TABLE outcomes (          -- what an answer said about itself: few distinct sets, long words, not in the cube
  id             INTEGER PRIMARY KEY,
  digest         BLOB NOT NULL UNIQUE,
  served_model   TEXT,           -- only if the response names another model
  http_status    INTEGER,
  error_type     TEXT,
  finish_reason  TEXT,
  price_context  TEXT,           -- JSON object: tier, geo, speed, batch as served
  flags          TEXT,           -- named rules applied and oddities, separated by spaces
  unpriced_units TEXT            -- reported units without any price, separated by spaces
) STRICT;
CREATE TABLE price_versions (    -- date version + content hash of a price table that priced something
  id      INTEGER PRIMARY KEY,
  version TEXT NOT NULL UNIQUE
) STRICT;
CREATE TABLE rates (             -- every rate that ever priced a row, verbatim: a row explains itself without the files
  id      INTEGER PRIMARY KEY,
  digest  BLOB NOT NULL UNIQUE,  -- over name and body
  name    TEXT NOT NULL,         -- provider/model@from#mode
  body    TEXT NOT NULL          -- JSON, prices as decimal text
) STRICT;

-- Begun, not finished. Committed before the first byte goes upstream; deleted by the finish, in one transaction with
-- the row. The bounds stand here because the ledger stores costs and never computes one: recovery needs them.
CREATE TABLE inflight (
  request_id BLOB PRIMARY KEY,   -- ours, UUIDv7, 16 bytes
  owner      TEXT NOT NULL,      -- owners/<owner>.lock is held while the process lives
  started_ms INTEGER NOT NULL,
  begun      TEXT NOT NULL       -- JSON of the whole Begun value: model, attribution, estimate and its cost bounds
) STRICT, WITHOUT ROWID;

-- One row per request that went upstream through us.
CREATE TABLE requests (
  id                  INTEGER PRIMARY KEY AUTOINCREMENT, -- commit order, never reused: roll-ups read above a watermark
  request_id          BLOB NOT NULL,                     -- ours, UUIDv7, 16 bytes; unique through `seen`
  started_ms          INTEGER NOT NULL,
  model_id            INTEGER NOT NULL REFERENCES models,
  attribution_id      INTEGER NOT NULL REFERENCES attributions,
  trait_id            INTEGER NOT NULL REFERENCES traits,
  outcome_id          INTEGER NOT NULL REFERENCES outcomes,
  session_id          INTEGER REFERENCES sessions,       -- NULL: no session, branch or tags
  provider_request_id TEXT,                              -- attributes, never keys: providers repeat and omit them
  client_request_id   TEXT,                              -- joins an SDK's own retries
  error_message       TEXT,                              -- bounded, secrets and prompt text removed
  attempts            INTEGER NOT NULL,
  cache_hit           INTEGER NOT NULL,                  -- 1: answered from a cache of ours
  latency_ms          INTEGER,                           -- begin to end, with backoff
  first_token_ms      INTEGER,
  timeline            TEXT,                              -- `event:ms` separated by spaces; NULL: no more than the columns say,
                                                         -- `attempt:0 first_token:<first_token_ms> end:<latency_ms>`
  estimated_input_tokens INTEGER, max_output_tokens INTEGER, -- known before it was sent: estimates learn from them
  input_tokens INTEGER, cache_read_tokens INTEGER, cache_write_tokens INTEGER, cache_write_1h_tokens INTEGER,
  cache_write_12h_tokens INTEGER, input_audio_tokens INTEGER, input_image_tokens INTEGER, output_tokens INTEGER,
  reasoning_tokens INTEGER, output_audio_tokens INTEGER, output_image_tokens INTEGER, web_searches INTEGER,
  other_usage         TEXT,                              -- JSON: rare units by name; durations as decimal text
  raw_usage           TEXT,                              -- JSON: the provider's usage object, when it says more than the columns
  parts               TEXT,                              -- JSON: when several models or attempts were billed; the row is their sum
  cost_nanousd        INTEGER,                           -- what counts; NULL is unpriced
  cost_high_nanousd   INTEGER,                           -- upper bound beside an estimate
  computed_cost_nanousd INTEGER,                         -- ours, kept beside a reported one; NULL too when it is the cost itself
  reported_cost_nanousd INTEGER,                         -- the provider's word, which wins
  components          TEXT,                              -- JSON: unit code to [quantity, nano-USD]; they sum to cost_nanousd
  price_version_id    INTEGER REFERENCES price_versions,
  rate_id             INTEGER REFERENCES rates
) STRICT;
CREATE INDEX requests_started ON requests (started_ms);
CREATE INDEX requests_tail ON requests (substr(request_id, 13)); -- short ids as people type them: the last 8 digits
CREATE INDEX requests_provider_id ON requests (substr(provider_request_id, -6)) -- the match ladder's first rung, and the second
  WHERE provider_request_id IS NOT NULL;                                        -- witness; six bytes narrow it enough
CREATE INDEX requests_attribution ON requests (attribution_id); -- `log --user ada` on ten million rows; in commit order by itself

-- Appended corrections. Each is a signed copy of every measure that reports sum, in the dimensions where it counts: moving a
-- request is one negative entry (kind reversal) and one positive. No foreign key to requests: they outlive them. The entry with
-- requests = 1 and the highest id says where and how its request stands now.
CREATE TABLE adjustments (
  id             INTEGER PRIMARY KEY AUTOINCREMENT,
  kind           TEXT NOT NULL CHECK (kind IN ('reprice', 'late', 'snapshot', 'duplicate', 'assign', 'reconcile', 'reversal')),
                                       -- charged = all kinds; cost = all but reconcile (whose undoing is again a reconcile)
  cause          TEXT NOT NULL UNIQUE, -- why exactly once: the same cause can never be booked twice
  request_id     BLOB,                 -- the request it corrects, if one
  effective_ms   INTEGER NOT NULL,     -- the time it counts at (the request's start)
  booked_ms      INTEGER NOT NULL,
  reason         TEXT NOT NULL,
  model_id       INTEGER NOT NULL REFERENCES models,
  attribution_id INTEGER NOT NULL REFERENCES attributions,
  trait_id       INTEGER NOT NULL REFERENCES traits,
  outcome_id     INTEGER REFERENCES outcomes, session_id INTEGER REFERENCES sessions,
  provider_request_id TEXT,            -- what a late finish brought
  requests INTEGER NOT NULL, failed INTEGER NOT NULL, unpriced INTEGER NOT NULL, estimated INTEGER NOT NULL, untold INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL, cache_write_12h_tokens INTEGER NOT NULL, input_audio_tokens INTEGER NOT NULL,
  input_image_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
  output_audio_tokens INTEGER NOT NULL, output_image_tokens INTEGER NOT NULL, web_searches INTEGER NOT NULL,
  other_usage    TEXT,
  cost_nanousd   INTEGER NOT NULL,
  components     TEXT,                 -- JSON, as in requests, signed
  price_version_id INTEGER REFERENCES price_versions,
  rate_id        INTEGER REFERENCES rates,
  detail         TEXT                  -- JSON: what else is known and has no measure (latency_ms, raw_usage, evidence ...)
) STRICT;
CREATE INDEX adjustments_effective ON adjustments (effective_ms);
CREATE INDEX adjustments_request ON adjustments (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX adjustments_provider_id ON adjustments (provider_request_id) WHERE provider_request_id IS NOT NULL;

-- Every request id and every importer's source key ever recorded. Written in the transaction of the row; survives prune, so a
-- re-import or a late finish cannot double; prune adds the provider ids of what it removes (ledger/witnesses.py), since the
-- match of two witnesses looks at rows.
CREATE TABLE seen (
  key          BLOB PRIMARY KEY,   -- 16 bytes: the request id itself, or a hash of a source key
  row          INTEGER NOT NULL,   -- requests.id it belongs to (it may be pruned): finds a request without a second index
  status       INTEGER NOT NULL,   -- 0 completed, 1 failed, 2 cancelled, 3 interrupted; +8 source key, +16 link of two witnesses
  cost_nanousd INTEGER
) STRICT, WITHOUT ROWID;

-- Roll-ups: derived from requests and adjustments above the watermarks, in chunks, by whoever reads or prunes next.
CREATE TABLE rollup_days (         -- the joint cube of all single-valued dimensions
  zone INTEGER NOT NULL,           -- 0 UTC, 1 the ledger's home zone
  day  INTEGER NOT NULL,           -- days since 1970-01-01 in that zone
  model_id INTEGER NOT NULL, attribution_id INTEGER NOT NULL, trait_id INTEGER NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL, unpriced INTEGER NOT NULL, estimated INTEGER NOT NULL, untold INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL, cache_write_12h_tokens INTEGER NOT NULL, input_audio_tokens INTEGER NOT NULL,
  input_image_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
  output_audio_tokens INTEGER NOT NULL, output_image_tokens INTEGER NOT NULL, web_searches INTEGER NOT NULL,
  cost_nanousd INTEGER NOT NULL, reconciled_nanousd INTEGER NOT NULL,
  PRIMARY KEY (zone, day, model_id, attribution_id, trait_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_quarters (     -- quarter-hours fit every zone on earth; only per provider and model, and how it is paid
  grain   INTEGER NOT NULL,        -- 900, 3600 or 86400 seconds; 1: days of the ledger's home zone
  slot    INTEGER NOT NULL,        -- Unix seconds / grain; for home days the days since 1970-01-01 on that zone's clock
  model_id INTEGER NOT NULL, billing TEXT NOT NULL,
  requests INTEGER NOT NULL, failed INTEGER NOT NULL, unpriced INTEGER NOT NULL, estimated INTEGER NOT NULL, untold INTEGER NOT NULL,
  input_tokens INTEGER NOT NULL, cache_read_tokens INTEGER NOT NULL, cache_write_tokens INTEGER NOT NULL,
  cache_write_1h_tokens INTEGER NOT NULL, cache_write_12h_tokens INTEGER NOT NULL, input_audio_tokens INTEGER NOT NULL,
  input_image_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, reasoning_tokens INTEGER NOT NULL,
  output_audio_tokens INTEGER NOT NULL, output_image_tokens INTEGER NOT NULL, web_searches INTEGER NOT NULL,
  cost_nanousd INTEGER NOT NULL, reconciled_nanousd INTEGER NOT NULL,
  PRIMARY KEY (grain, slot, model_id, billing)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_sketches (     -- mergeable latency sketches; percentiles at other grains come from rows, else they are null
  zone INTEGER NOT NULL, day INTEGER NOT NULL, model_id INTEGER NOT NULL,
  latency BLOB NOT NULL, first_token BLOB NOT NULL,
  PRIMARY KEY (zone, day, model_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_units (        -- rare units, so that pruning loses none of them
  zone INTEGER NOT NULL, day INTEGER NOT NULL, model_id INTEGER NOT NULL, attribution_id INTEGER NOT NULL, trait_id INTEGER NOT NULL,
  unit TEXT NOT NULL,
  micro_quantity INTEGER NOT NULL, -- millionths: durations keep six decimals
  PRIMARY KEY (zone, day, model_id, attribution_id, trait_id, unit)
) STRICT, WITHOUT ROWID;
CREATE TABLE prunings (            -- receipts: what was removed, what was kept, where the archive is
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  pruned_ms INTEGER NOT NULL, what TEXT NOT NULL, before_ms INTEGER NOT NULL,
  requests INTEGER NOT NULL, cost_nanousd INTEGER NOT NULL,
  archive_name TEXT, archive_sha256 TEXT, receipt TEXT NOT NULL
) STRICT;

-- Invoices: kept by content hash, their lines, what was matched with what, and which periods are settled.
CREATE TABLE statements (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  sha256 TEXT NOT NULL, format TEXT NOT NULL, provider TEXT NOT NULL, name TEXT NOT NULL,
  since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, timezone TEXT NOT NULL, currency TEXT NOT NULL,
  total TEXT,                      -- decimal text as billed
  last_request INTEGER NOT NULL, last_adjustment INTEGER NOT NULL, -- highest ids it was compared with: what is above came later
  recorded_ms INTEGER NOT NULL, undone_ms INTEGER, verdict TEXT NOT NULL -- JSON: classes and amounts
) STRICT;
CREATE UNIQUE INDEX statements_live ON statements (sha256) WHERE undone_ms IS NULL; -- recorded once; undone, it may be again
CREATE TABLE statement_lines (
  statement_id INTEGER NOT NULL REFERENCES statements, line INTEGER NOT NULL,
  since_ms INTEGER NOT NULL, until_ms INTEGER NOT NULL, model TEXT, unit TEXT,
  quantity TEXT, amount TEXT,      -- decimal text, as billed
  provider_request_id TEXT, key TEXT, body TEXT NOT NULL, -- JSON: the line's own columns
  PRIMARY KEY (statement_id, line)
) STRICT, WITHOUT ROWID;
CREATE TABLE clearings (           -- what a statement line was matched with: a request, or a whole day and model
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  statement_id INTEGER NOT NULL REFERENCES statements, line INTEGER,
  request_id BLOB, model_id INTEGER, since_ms INTEGER, until_ms INTEGER,
  class TEXT NOT NULL, difference TEXT NOT NULL, adjustment_id INTEGER
) STRICT;
CREATE INDEX clearings_request ON clearings (request_id) WHERE request_id IS NOT NULL;

-- Prompt and response text, only when it was asked for.
CREATE TABLE contents (
  request_id BLOB PRIMARY KEY, started_ms INTEGER NOT NULL, prompt TEXT, response TEXT
) STRICT, WITHOUT ROWID;

-- How far the importers have read. A hint that saves time, never what keeps a record from counting twice (that is `seen`).
CREATE TABLE import_files (
  source TEXT NOT NULL, path TEXT NOT NULL,
  state TEXT NOT NULL,             -- JSON of the importer: file identity, offset ...
  imported_ms INTEGER NOT NULL,
  PRIMARY KEY (source, path)
) STRICT, WITHOUT ROWID;
CREATE TABLE import_problems (     -- the quarantine list: where and why, never the line itself
  source TEXT NOT NULL, path TEXT NOT NULL, line INTEGER NOT NULL, reason TEXT NOT NULL, found_ms INTEGER NOT NULL,
  PRIMARY KEY (source, path, line)
) STRICT, WITHOUT ROWID;
