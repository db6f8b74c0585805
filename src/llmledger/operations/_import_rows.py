"""From what a log tells of a request to the row it becomes: who pays, for whom, and what it cost when it started."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from llmledger.core.request import Attribution, Begun, Finished, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.window import unix_ms
from llmledger.core.words import Billing, UsageQuality
from llmledger.dialects._contract import MeteredPart, Reading
from llmledger.importers._contract import Imported, Told, whole
from llmledger.ledger.dictionaries import source_digest
from llmledger.ledger.rows import USAGE_COLUMNS
from llmledger.operations._import_prices import RateBook
from llmledger.operations.charge import Outcomes, Prices, settle

_OUTPUT = USAGE_COLUMNS.index("output_tokens")


class PriceBook(Prices, RateBook, Protocol):
    """A price table that also tells which rate holds."""


@dataclass(slots=True)
class Rows:
    """Makes rows of one source. Lookups of folders are remembered: a log names the same ones again and again."""

    source: str
    """`import:<tool>`."""
    billing: Billing
    prices: PriceBook
    attribute: Callable[[Path | None, str | None], Attribution]
    """For whom a request of a folder and an app was made: git root, map rules, host."""
    _known: dict[tuple[str | None, str | None], Attribution] = field(default_factory=dict)

    def whole(self, told: Imported) -> Finished:
        """The row of a request, priced at its start."""
        begun = self._begun(told)
        reading = Reading(
            usage=Usage(**told.counts),
            quality=told.quality,
            is_complete=True,
            model=told.model,
            response_id=told.provider_request_id,
            price_context=told.price_context,
            reported_usd=told.reported_usd,
            parts=tuple(MeteredPart(model=model, usage=Usage(**counts)) for model, counts in told.parts),
            flags=told.flags,
            has_output=told.quality is not UsageQuality.MISSING,
        )
        settled = settle(
            Outcomes(
                begun=begun,
                reading=reading,
                status=told.status,
                error_type=told.error_type,
                cache_hit=told.cache_hit,
            ),
            self.prices,
        )
        return Finished(
            begun=begun,
            status=told.status,
            usage=settled.usage,
            usage_quality=settled.quality,
            charged=settled.charged,
            error_type=told.error_type,
            provider_request_id=told.provider_request_id,
            cache_hit=told.cache_hit,
            latency_ms=told.latency_ms,
            first_token_ms=told.first_token_ms,
            finish_reason=told.finish_reason,
            raw_usage=told.raw_usage,
            price_context=settled.context,
            parts=settled.parts,
            flags=settled.flags,
            source_key=told.key,
        )

    def _begun(self, told: Imported) -> Begun:
        return Begun(
            request_id=request_id_of(told),
            started_at=told.started_at,
            provider=told.provider,
            model=told.model,
            source=self.source,
            dialect="none",
            endpoint="",
            billing=told.billing or self.billing,
            attribution=self._attribution(told),
            price_version=self.prices.version,
            price_context=told.price_context,
        )

    def _attribution(self, told: Imported) -> Attribution:
        key = (told.folder, told.app)
        base = self._known.get(key)
        if base is None:
            base = self._known[key] = self.attribute(Path(told.folder) if told.folder else None, told.app)
        return Attribution(
            client=told.client or base.client,
            user=told.user or base.user,
            team=told.team or base.team,
            project=told.project or base.project,
            operation=base.operation,
            app=told.app,
            host=base.host,
            session=told.session,
            branch=told.branch,
            tags=told.tags,
        )


def request_id_of(told: Imported) -> bytes:
    """An id that follows from the log: the same record has it in every ledger, so that several read as one."""
    return request_id_at(max(0, unix_ms(told.started_at)), source_digest(told.key)[:10])


def merged(first: Told, second: Told) -> Told:
    """Two records of one request: the fuller usage counts, from the earlier time, in the session that owns it.

    Order does not matter, so that any way of reading the same logs gives the same rows.
    """
    if isinstance(first, Imported) or isinstance(second, Imported):
        return _merged(whole(first), whole(second))
    key, started_at, counts, common, provider_request_id, is_copy = first
    _, other_start, other_counts, other_common, _, is_other_copy = second
    if is_copy is not is_other_copy or common.owner != other_common.owner:
        return _merged(whole(first), whole(second))
    output, others = counts[_OUTPUT] or 0, other_counts[_OUTPUT] or 0
    if counts == other_counts:
        is_fuller = common is other_common or _finality(common.pattern) >= _finality(other_common.pattern)
    else:
        is_fuller = output > others if output != others else _is_fuller(whole(first), whole(second))
    if not is_fuller:
        counts, common = other_counts, other_common
    return key, min(started_at, other_start), counts, common, provider_request_id, is_copy


def _merged(first: Imported, second: Imported) -> Imported:
    fuller, other = (first, second) if _is_fuller(first, second) else (second, first)
    owner = min(first, second, key=_ownership)
    return fuller._replace(
        started_at=min(first.started_at, second.started_at),
        session=owner.session or other.session,
        folder=owner.folder or other.folder,
        branch=owner.branch or other.branch,
        is_copy=owner.is_copy,
    )


def _is_fuller(one: Imported, other: Imported) -> bool:
    """Whether the first tells at least as much as the second; nearly always the output alone decides."""
    output, others = one.counts.get("output_tokens", 0), other.counts.get("output_tokens", 0)
    return output > others if output != others else _fullness(one) >= _fullness(other)


def _finality(told: Imported) -> tuple[object, ...]:
    """What is left of `_fullness` between equal counts without selectors."""
    return told.quality is not UsageQuality.PARTIAL, told.finish_reason or ""


def _fullness(told: Imported) -> tuple[object, ...]:
    counts = told.counts
    return (
        counts.get("input_tokens", 0),
        told.quality is not UsageQuality.PARTIAL,
        len(told.price_context),
        sorted(counts.items()),
        told.finish_reason or "",
    )


def _ownership(told: Imported) -> tuple[object, ...]:
    return (told.is_copy, told.started_at, told.session or "", told.folder or "")


def without_git(folder: Path | None, base: Attribution) -> Attribution:
    """The project of a folder that is gone or no repository: its own name."""
    if base.project is not None or folder is None or not folder.name:
        return base
    return replace(base, project=folder.name)
