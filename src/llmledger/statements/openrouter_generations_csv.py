"""OpenRouter activity log CSV: one row per generation with its id, unrounded cost and tokens."""

from collections.abc import Iterator, Sequence

from llmledger.core.statement import Format, StatementLine
from llmledger.statements._contract import Head, Part
from llmledger.statements._openrouter import quantities
from llmledger.statements._table import Row, rows

SUMMARY = "OpenRouter activity log (CSV): one row per generation, with its id"
FORMAT = Format(provider="openrouter")


def recognises(head: Head) -> bool:
    """By the generation id beside its total cost."""
    return head.has("generation_id", "cost_total", "model_permaslug")


def read(parts: Sequence[Part]) -> Iterator[StatementLine]:
    """Yield one line per generation. What the user's own provider bills (BYOK) is not in `cost_total`."""
    for part in parts:
        for row in rows(part, ("generation_id", "created_at", "cost_total", "model_permaslug")):
            yield _line(row)


def _line(row: Row) -> StatementLine:
    created = row.instant("created_at")
    byok = row.decimal("byok_usage_inference")
    return StatementLine(
        number=row.number,
        since=created,
        until=created,
        provider="openrouter",
        model=_model(row),
        quantities=quantities(
            row.whole("tokens_prompt") or 0, row.whole("tokens_cached") or 0, row.whole("tokens_completion") or 0
        ),
        requests=1,
        amount=row.money("cost_total"),
        label="byok" if byok else "cancelled" if row.text("cancelled").casefold() == "true" else "",
        request_id=row.text("generation_id") or None,
        key=row.text("api_key_name") or None,
        project=row.text("app_name") or None,
    )


def _model(row: Row) -> str:
    """The dated slug with its variant, as a request names it: `vendor/model-20260901:free`."""
    variant = row.text("variant")
    return row.text("model_permaslug") + (f":{variant}" if variant not in ("", "standard") else "")
