"""What every row of a ledger promises, each as the query that finds where it is broken.

A query answers with one column `what`: the table and row, for people and programs alike.
"""

from typing import NamedTuple


class Promise(NamedTuple):
    """One sentence that must be true, and the query that finds where it is not."""

    text: str
    query: str
    todo: str


REPORT = "Report it with `llmledger log show ID --json`; the row itself is never changed."
RESTORE = "Restore a backup."

_ROW = "'requests row ' || r.id || ', request ' || lower(hex(r.request_id))"
_ENTRY = "'adjustments row ' || a.id || ', cause ' || a.cause"


PROMISES = (
    Promise(
        "each cost is the sum of its components",
        f"""SELECT {_ROW} AS what FROM requests r WHERE r.components IS NOT NULL
        AND (SELECT sum(json_extract(value, '$[1]')) FROM json_each(r.components)) IS NOT r.cost_nanousd""",
        REPORT,
    ),
    Promise(
        "each correction's cost is the sum of its components",
        f"""SELECT {_ENTRY} AS what FROM adjustments a JOIN traits t ON t.id = a.trait_id
        WHERE a.components IS NOT NULL AND t.cost_source = 'computed' AND a.kind <> 'reconcile'
        AND (SELECT sum(json_extract(value, '$[1]')) FROM json_each(a.components)) IS NOT a.cost_nanousd""",
        REPORT,
    ),
    Promise(
        "each cost is what was noted when its request was written",
        f"""SELECT {_ROW} AS what FROM requests r JOIN seen s ON s.key = r.request_id
        WHERE s.row = r.id AND s.cost_nanousd IS NOT r.cost_nanousd""",
        REPORT,
    ),
    Promise(
        "each request without a price says so, and no other",
        f"""SELECT {_ROW} AS what FROM requests r JOIN traits t ON t.id = r.trait_id
        WHERE (r.cost_nanousd IS NULL) <> (t.cost_source = 'none')""",
        REPORT,
    ),
    Promise(
        "each request is one row",
        f"""SELECT {_ROW} AS what FROM requests r GROUP BY r.request_id HAVING count(*) > 1""",
        REPORT,
    ),
    Promise(
        "each row has its key among those that were ever seen",
        f"""SELECT {_ROW} AS what FROM requests r LEFT JOIN seen s ON s.key = r.request_id WHERE s.row IS NOT r.id""",
        "A re-import could count it again. Restore a backup.",
    ),
    Promise(
        "each request counts once or, as a duplicate, not at all",
        f"""SELECT {_ROW} AS what FROM requests r JOIN adjustments a ON a.request_id = r.request_id
        WHERE a.kind <> 'reconcile' GROUP BY r.id HAVING 1 + sum(a.requests) NOT IN (0, 1)""",
        REPORT,
    ),
    Promise(
        "each correction is explained: by a cause, a reason, and the request or invoice that it corrects",
        f"""SELECT {_ENTRY} AS what FROM adjustments a WHERE trim(a.cause) = '' OR trim(a.reason) = ''
        OR (a.request_id IS NULL) <> (a.kind = 'reconcile')
        OR (a.request_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM seen s WHERE s.key = a.request_id))
        OR (a.kind = 'reversal' AND NOT EXISTS
          (SELECT 1 FROM adjustments b WHERE b.cause || '/reversal' = a.cause AND b.request_id = a.request_id))""",
        "It moves money for no known reason. Restore a backup.",
    ),
    Promise(
        "no request is in flight that has ended",
        """SELECT 'inflight row of request ' || lower(hex(i.request_id)) || ', owner ' || i.owner AS what
        FROM inflight i JOIN seen s ON s.key = i.request_id""",
        REPORT,
    ),
    Promise(
        "every id points to something",
        """SELECT "table" || ' row ' || coalesce(rowid, '(no number)') || ' points to no row of ' || parent AS what
        FROM pragma_foreign_key_check""",
        RESTORE,
    ),
    Promise(
        "each stored text belongs to a request",
        """SELECT 'contents row of request ' || lower(hex(c.request_id)) AS what FROM contents c
        WHERE NOT EXISTS (SELECT 1 FROM seen s WHERE s.key = c.request_id)
        AND NOT EXISTS (SELECT 1 FROM inflight i WHERE i.request_id = c.request_id)""",
        "Texts of nobody are not found by an erasure. Report it.",
    ),
    Promise(
        "history is protected",
        """SELECT 'meta key retention' AS what FROM meta WHERE key = 'retention'
        UNION ALL SELECT 'triggers of ' || wanted.value
        FROM json_each('["requests", "adjustments", "seen"]') wanted
        WHERE (SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = wanted.value) < 3""",
        "A prune was cut short, or somebody removed a trigger. Restore a backup.",
    ),
    Promise(
        "the public views agree with the rows",
        """SELECT view || ': ' || provider || '/' || model AS what FROM (
          SELECT 'charges_v1' AS view, provider, model, requests, unpriced, cost_nanousd AS cost, charged_nanousd AS charged
          FROM charges_v1
          UNION ALL SELECT 'charges_v1', m.provider, m.model, -1, -(r.cost_nanousd IS NULL), -r.cost_nanousd, -r.cost_nanousd
          FROM requests r JOIN models m ON m.id = r.model_id
          UNION ALL SELECT 'charges_v1', m.provider, m.model, -a.requests, -a.unpriced,
          iif(a.kind = 'reconcile', 0, -a.cost_nanousd), -a.cost_nanousd
          FROM adjustments a JOIN models m ON m.id = a.model_id
          UNION ALL SELECT 'requests_v1', provider, model, requests, cost_nanousd IS NULL, cost_nanousd, 0 FROM requests_v1
          UNION ALL SELECT 'requests_v1', m.provider, m.model, -1, -(r.cost_nanousd IS NULL), -r.cost_nanousd, 0
          FROM requests r JOIN models m ON m.id = r.model_id
          UNION ALL SELECT 'requests_v1', m.provider, m.model, -a.requests, -a.unpriced, -a.cost_nanousd, 0
          FROM adjustments a JOIN models m ON m.id = a.model_id JOIN seen s ON s.key = a.request_id
          JOIN requests q ON q.id = s.row WHERE a.kind <> 'reconcile'
        ) GROUP BY view, provider, model
        HAVING sum(requests) <> 0 OR sum(unpriced) <> 0 OR sum(cost) <> 0 OR sum(charged) <> 0""",
        "Somebody changed a view. Restore a backup.",
    ),
)
