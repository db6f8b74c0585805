"""From what a log tells of a request to the row it becomes: who pays, for whom, and what it cost when it started."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Protocol

from llmledger.core.request import Attribution, Begun, Finished, request_id_at
from llmledger.core.usage import Usage
from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.dialects._contract import MeteredPart, Reading
from llmledger.importers._contract import Imported
from llmledger.ledger.booking import source_digest
from llmledger.ledger.bulk import Heading, PlainRow, usage_values
from llmledger.operations._import_prices import Plan, Plans, RateBook
from llmledger.operations.charge import Outcomes, Prices, settle

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)
_REMEMBERED = 10_000


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
    _headings: dict[tuple[object, ...], Heading] = field(default_factory=dict)
    plans: Plans = field(init=False)

    def __post_init__(self) -> None:
        self.plans = Plans(self.prices)

    def row(self, told: Imported) -> PlainRow | Finished:
        """The row of a request: with its own figures alone where they are all that is special, else whole."""
        return self.plain(told) or self.whole(told)

    def plain(self, told: Imported) -> PlainRow | None:
        """The figures of a request below a heading that many share; None when there is more to it."""
        is_plain = told.status is Status.COMPLETED and not (
            told.price_context or told.parts or told.raw_usage or told.tags or told.cache_hit
        )
        if not is_plain or told.reported_usd is not None or not told.counts:
            return None
        plan = self.plans.find(told.provider, told.model, told.started_at, told.counts)
        charge = plan.charge(told.counts) if plan is not None else None
        if plan is None or charge is None:
            return None
        started_ms = (told.started_at - _EPOCH) // _MS
        digest = source_digest(told.key)
        return PlainRow(
            self._heading(told, plan),
            request_id_at(started_ms, digest[:10]),
            told.key,
            digest,
            started_ms,
            told.provider_request_id,
            told.latency_ms,
            told.first_token_ms,
            usage_values(told.counts),
            charge[0],
            charge[1],
            partial(self.whole, told),
        )

    def _heading(self, told: Imported, plan: Plan) -> Heading:
        key = (
            *(told.provider, told.model, told.session, told.folder, told.project, told.branch, told.app, told.client),
            *(told.user, told.team, told.billing, told.quality, told.finish_reason, told.flags, told.error_type),
            *(plan.rate.id, plan.suffix),
        )
        found = self._headings.get(key)
        if found is None:
            if len(self._headings) >= _REMEMBERED:
                self._headings.clear()
            found = self._headings[key] = Heading(self.whole(told))
        return found

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
    return request_id_at(max(0, (told.started_at - _EPOCH) // _MS), source_digest(told.key)[:10])


def merged(first: Imported, second: Imported) -> Imported:
    """Two records of one request: the fuller usage counts, from the earlier time, in the session that owns it.

    Order does not matter, so that any way of reading the same logs gives the same rows.
    """
    fuller, other = (first, second) if _fullness(first) >= _fullness(second) else (second, first)
    owner = min(first, second, key=_ownership)
    return fuller._replace(
        started_at=min(first.started_at, second.started_at),
        session=owner.session or other.session,
        folder=owner.folder or other.folder,
        branch=owner.branch or other.branch,
        is_copy=owner.is_copy,
    )


def _fullness(told: Imported) -> tuple[object, ...]:
    counts = told.counts
    return (
        counts.get("output_tokens", 0),
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
