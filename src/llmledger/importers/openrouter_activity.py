"""OpenRouter's activity export: a CSV with one row per generation and what was charged for it, exact to the request.

`created_at` is UTC. `cost_total` is the charge. With the user's own provider key the provider bills
`byok_usage_inference` beside it, which OpenRouter only estimates: it is kept as a fact of the row, not added to the
charge.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.importers._contract import Checkpoint, Imported, Item, Location, LogFile, Problem, Witness
from llmledger.importers._csv import header_of, rows
from llmledger.importers._json import moment, money, text

SUMMARY = "OpenRouter: activity export, one row per generation (CSV)"
WITNESS = Witness.GATEWAY
RETENTION_DAYS: int | None = None

_SIGNATURE = frozenset({"generation_id", "created_at", "cost_total", "model_permaslug"})


def find(home: Path, environ: Mapping[str, str]) -> tuple[Location, ...]:
    """Nowhere: it is downloaded by hand."""
    return ()


def billing(home: Path, environ: Mapping[str, str]) -> Billing | None:
    """OpenRouter is paid per request."""
    return Billing.API


def recognises(head: bytes) -> bool:
    """A header with the generation's id and its cost."""
    return header_of(head) >= _SIGNATURE


def read(file: LogFile) -> Iterator[Item]:
    """One request per generation."""
    with LogFile(file.path).open() as stream:
        for found in rows(stream, sorted(_SIGNATURE)):
            yield found if isinstance(found, Problem) else _request(*found)
    yield Checkpoint(0)


def _request(number: int, row: Mapping[str, str]) -> Imported | Problem:
    generation, started_at = text(row["generation_id"].strip()), moment(row["created_at"].strip())
    reported = money(row["cost_total"])
    if generation is None or started_at is None or reported is None:
        return Problem(number, "no generation id, time or cost")
    upstream = money(row.get("byok_usage_inference", "")) or Decimal(0)
    return Imported(
        key=f"openrouter:{generation}",
        started_at=started_at,
        provider="openrouter",
        model=_model(row),
        counts=_counts(row),
        quality=UsageQuality.EXACT,
        provider_request_id=generation,
        latency_ms=_whole(row, "generation_time_ms"),
        first_token_ms=_whole(row, "time_to_first_token_ms"),
        finish_reason=text(row.get("finish_reason_normalized")),
        status=Status.CANCELLED if _is_true(row, "cancelled") else Status.COMPLETED,
        reported_usd=reported,
        raw_usage={"byok_usage_inference": str(upstream)} if upstream else None,
        flags=("byok",) if upstream else (),
        app=text(row.get("app_name")),
        tags=_tags(row),
        user=text(row.get("user")),
    )


def _tags(row: Mapping[str, str]) -> dict[str, str]:
    pairs = (("served_by", row.get("provider_name")), ("key_name", row.get("api_key_name")))
    return {name: value for name, value in pairs if value}


def _model(row: Mapping[str, str]) -> str:
    variant = row.get("variant") or "standard"
    return row["model_permaslug"] if variant == "standard" else f"{row['model_permaslug']}:{variant}"


def _counts(row: Mapping[str, str]) -> dict[str, int]:
    given, output = _whole(row, "tokens_prompt") or 0, _whole(row, "tokens_completion") or 0
    return {
        "input_tokens": given,
        "cache_read_tokens": min(_whole(row, "tokens_cached") or 0, given),
        "output_tokens": output,
        "reasoning_tokens": min(_whole(row, "tokens_reasoning") or 0, output),
    }


def _whole(row: Mapping[str, str], name: str) -> int | None:
    amount = money(row.get(name, ""))
    return int(amount) if amount is not None and amount >= 0 else None


def _is_true(row: Mapping[str, str], name: str) -> bool:
    return row.get(name, "").strip().lower() == "true"
