-- The public contract, for sqlite3, datasette and notebooks: plain names, USD as decimal text, ISO times in UTC. Columns are only
-- ever added; exact sums are over *_nanousd.
--
-- requests_v1: one row per request as it stands now, adjustments applied (but reconcile's). `requests` is 0 for what turned out
-- to be a duplicate: sum it instead of counting rows.
CREATE VIEW requests_v1 AS
WITH moved AS (
  SELECT request_id, max(iif(requests > 0, id, NULL)) AS standing, sum(requests) AS requests, sum(unpriced) AS unpriced,
    sum(input_tokens) AS input_tokens,
    sum(cache_read_tokens) AS cache_read_tokens,
    sum(cache_write_tokens) AS cache_write_tokens,
    sum(cache_write_1h_tokens) AS cache_write_1h_tokens,
    sum(cache_write_12h_tokens) AS cache_write_12h_tokens,
    sum(input_audio_tokens) AS input_audio_tokens,
    sum(input_image_tokens) AS input_image_tokens,
    sum(output_tokens) AS output_tokens,
    sum(reasoning_tokens) AS reasoning_tokens,
    sum(output_audio_tokens) AS output_audio_tokens,
    sum(output_image_tokens) AS output_image_tokens,
    sum(web_searches) AS web_searches,
    sum(cost_nanousd) AS cost_nanousd, count(*) AS adjustments
  FROM adjustments WHERE request_id IS NOT NULL AND kind <> 'reconcile' GROUP BY request_id
), applied AS (
  SELECT r.*, 1 + coalesce(a.requests, 0) AS net_requests, coalesce(a.adjustments, 0) AS net_adjustments,
    iif((r.cost_nanousd IS NULL) + coalesce(a.unpriced, 0) > 0, NULL, coalesce(r.cost_nanousd, 0) + coalesce(a.cost_nanousd, 0))
      AS net_cost,
    iif(coalesce(a.input_tokens, 0) = 0, r.input_tokens, coalesce(r.input_tokens, 0) + a.input_tokens)
      AS net_input_tokens,
    iif(coalesce(a.cache_read_tokens, 0) = 0, r.cache_read_tokens, coalesce(r.cache_read_tokens, 0) + a.cache_read_tokens)
      AS net_cache_read_tokens,
    iif(coalesce(a.cache_write_tokens, 0) = 0, r.cache_write_tokens, coalesce(r.cache_write_tokens, 0) + a.cache_write_tokens)
      AS net_cache_write_tokens,
    iif(coalesce(a.cache_write_1h_tokens, 0) = 0, r.cache_write_1h_tokens, coalesce(r.cache_write_1h_tokens, 0) + a.cache_write_1h_tokens)
      AS net_cache_write_1h_tokens,
    iif(coalesce(a.cache_write_12h_tokens, 0) = 0, r.cache_write_12h_tokens, coalesce(r.cache_write_12h_tokens, 0) + a.cache_write_12h_tokens)
      AS net_cache_write_12h_tokens,
    iif(coalesce(a.input_audio_tokens, 0) = 0, r.input_audio_tokens, coalesce(r.input_audio_tokens, 0) + a.input_audio_tokens)
      AS net_input_audio_tokens,
    iif(coalesce(a.input_image_tokens, 0) = 0, r.input_image_tokens, coalesce(r.input_image_tokens, 0) + a.input_image_tokens)
      AS net_input_image_tokens,
    iif(coalesce(a.output_tokens, 0) = 0, r.output_tokens, coalesce(r.output_tokens, 0) + a.output_tokens)
      AS net_output_tokens,
    iif(coalesce(a.reasoning_tokens, 0) = 0, r.reasoning_tokens, coalesce(r.reasoning_tokens, 0) + a.reasoning_tokens)
      AS net_reasoning_tokens,
    iif(coalesce(a.output_audio_tokens, 0) = 0, r.output_audio_tokens, coalesce(r.output_audio_tokens, 0) + a.output_audio_tokens)
      AS net_output_audio_tokens,
    iif(coalesce(a.output_image_tokens, 0) = 0, r.output_image_tokens, coalesce(r.output_image_tokens, 0) + a.output_image_tokens)
      AS net_output_image_tokens,
    iif(coalesce(a.web_searches, 0) = 0, r.web_searches, coalesce(r.web_searches, 0) + a.web_searches)
      AS net_web_searches,
    coalesce(n.model_id, r.model_id) AS now_model, coalesce(n.attribution_id, r.attribution_id) AS now_attribution,
    coalesce(n.trait_id, r.trait_id) AS now_trait, coalesce(n.outcome_id, r.outcome_id) AS now_outcome,
    coalesce(n.session_id, r.session_id) AS now_session, coalesce(n.price_version_id, r.price_version_id) AS now_version,
    coalesce(n.rate_id, r.rate_id) AS now_rate, coalesce(n.provider_request_id, r.provider_request_id) AS now_provider_id,
    iif(n.id IS NULL, r.components, n.components) AS now_components,
    iif(n.id IS NULL, r.other_usage, n.other_usage) AS now_other_usage
  FROM requests r LEFT JOIN moved a ON a.request_id = r.request_id LEFT JOIN adjustments n ON n.id = a.standing
)
SELECT x.id AS row, lower(hex(x.request_id)) AS request_id,
  strftime('%Y-%m-%dT%H:%M:%S', x.started_ms / 1000, 'unixepoch') || printf('.%03dZ', x.started_ms % 1000) AS started_at,
  m.provider, m.model, o.served_model, t.source, t.dialect, t.endpoint, t.status, t.billing,
  w.client, w.user, w.team, w.project, w.operation, w.app, w.key, w.host, s.session, s.branch, s.tags,
  x.now_provider_id AS provider_request_id, x.client_request_id, o.http_status, o.error_type, x.error_message, o.finish_reason,
  x.attempts, x.cache_hit, x.latency_ms, x.first_token_ms, x.net_requests AS requests,
  x.net_input_tokens AS input_tokens, x.net_cache_read_tokens AS cache_read_tokens, x.net_cache_write_tokens AS cache_write_tokens,
  x.net_cache_write_1h_tokens AS cache_write_1h_tokens, x.net_cache_write_12h_tokens AS cache_write_12h_tokens,
  x.net_input_audio_tokens AS input_audio_tokens,
  x.net_input_image_tokens AS input_image_tokens, x.net_output_tokens AS output_tokens, x.net_reasoning_tokens AS reasoning_tokens,
  x.net_output_audio_tokens AS output_audio_tokens, x.net_output_image_tokens AS output_image_tokens, x.net_web_searches AS web_searches,
  x.now_other_usage AS other_usage, t.usage_quality, o.flags, o.price_context,
  iif(x.net_cost IS NULL, NULL,
    rtrim(rtrim(printf('%s%d.%09d', iif(x.net_cost < 0, '-', ''),
      abs(x.net_cost) / 1000000000, abs(x.net_cost) % 1000000000), '0'), '.')) AS cost_usd,
  x.net_cost AS cost_nanousd,
  t.cost_source, o.unpriced_units, x.now_components AS components, v.version AS price_version, p.name AS rate, x.net_adjustments AS adjustments
FROM applied x
  JOIN models m ON m.id = x.now_model JOIN attributions w ON w.id = x.now_attribution JOIN traits t ON t.id = x.now_trait
  JOIN outcomes o ON o.id = x.now_outcome LEFT JOIN sessions s ON s.id = x.now_session
  LEFT JOIN price_versions v ON v.id = x.now_version LEFT JOIN rates p ON p.id = x.now_rate;

-- charges_v1: the journal. One row per request as it was recorded and one per adjustment, signed, so that its sums are the
-- totals: cost_usd without reconcile's entries, charged_usd with them.
CREATE VIEW charges_v1 AS
WITH entries AS (
  SELECT 'request' AS entry, request_id, started_ms AS at_ms, NULL AS booked_ms, NULL AS reason, model_id, attribution_id, trait_id,
    session_id, 1 AS requests, cost_nanousd IS NULL AS unpriced, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
    reasoning_tokens, cost_nanousd AS cost, cost_nanousd AS charged, price_version_id
  FROM requests
  UNION ALL
  SELECT kind, request_id, effective_ms, booked_ms, reason, model_id, attribution_id, trait_id,
    session_id, requests, unpriced, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens,
    reasoning_tokens, iif(kind = 'reconcile', 0, cost_nanousd), cost_nanousd, price_version_id
  FROM adjustments
)
SELECT e.entry, lower(hex(e.request_id)) AS request_id,
  strftime('%Y-%m-%dT%H:%M:%S', e.at_ms / 1000, 'unixepoch') || printf('.%03dZ', e.at_ms % 1000) AS at,
  strftime('%Y-%m-%dT%H:%M:%S', e.booked_ms / 1000, 'unixepoch') || printf('.%03dZ', e.booked_ms % 1000) AS booked_at, e.reason,
  m.provider, m.model, t.source, t.status, t.billing, t.cost_source, t.usage_quality,
  w.client, w.user, w.team, w.project, w.operation, w.app, w.key, w.host, s.session,
  e.requests, e.unpriced, e.input_tokens, e.cache_read_tokens, e.cache_write_tokens, e.output_tokens, e.reasoning_tokens,
  iif(e.cost IS NULL, NULL,
    rtrim(rtrim(printf('%s%d.%09d', iif(e.cost < 0, '-', ''),
      abs(e.cost) / 1000000000, abs(e.cost) % 1000000000), '0'), '.')) AS cost_usd,
  iif(e.charged IS NULL, NULL,
    rtrim(rtrim(printf('%s%d.%09d', iif(e.charged < 0, '-', ''),
      abs(e.charged) / 1000000000, abs(e.charged) % 1000000000), '0'), '.')) AS charged_usd,
  e.cost AS cost_nanousd, e.charged AS charged_nanousd, v.version AS price_version
FROM entries e
  JOIN models m ON m.id = e.model_id JOIN attributions w ON w.id = e.attribution_id JOIN traits t ON t.id = e.trait_id
  LEFT JOIN sessions s ON s.id = e.session_id LEFT JOIN price_versions v ON v.id = e.price_version_id;
