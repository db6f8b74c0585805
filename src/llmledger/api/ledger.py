"""The ledger for programs: begin, finish and record requests, and ask what they cost."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from llmledger.api.pricing import split_model
from llmledger.api.surroundings import new_home_zone, new_request_id, price_book, user_paths, utc_now
from llmledger.core.period import Clock, parse_window
from llmledger.core.report import Report
from llmledger.core.request import Attribution, Begun, Finished, id_text
from llmledger.core.selection import Selection, parse_by
from llmledger.core.usage import Usage
from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.dialects._contract import Reading
from llmledger.errors import UsageError
from llmledger.ledger import Ledger as Store
from llmledger.ledger import Recorded, open_ledger, open_reader
from llmledger.operations.build_report import ReportRequest, build_report
from llmledger.operations.read_usage import read_response
from llmledger.operations.record import Ending, Opening, Recorder
from llmledger.pricebook import PriceBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a request ended, for `Ledger.finish` and `Ledger.record`: a usage, or the response's own bytes.

    With `body`, usage, served model, response id, tier and a cost that the provider states are read from it, in the
    request's dialect; `usage` then only stands in where the body states none. A usage that is given counts as exact
    unless `usage_quality` says otherwise.
    """

    status: Status = Status.COMPLETED
    usage: Usage | None = None
    usage_quality: UsageQuality = UsageQuality.EXACT
    body: bytes | None = None
    http_status: int | None = None
    error_type: str | None = None
    error_message: str | None = None
    provider_request_id: str | None = None
    latency_ms: int | None = None
    first_token_ms: int | None = None
    cache_hit: bool = False
    price_context: Mapping[str, str] = field(default_factory=dict)


COMPLETED = Outcome()


class Ledger:
    """An open ledger. Every method returns when its record is durable; safe to share between threads.

    >>> with Ledger.open() as ledger:  # doctest: +SKIP
    ...     request_id = ledger.begin("anthropic/claude-sonnet-4-5", attribution=Attribution(project="acme"))
    ...     row = ledger.finish(request_id, Outcome(usage=Usage(input_tokens=812, output_tokens=96)))
    ...     print(row.charged.cost_nanousd)
    """

    def __init__(self, store: Store, prices: PriceBook, *, now: Callable[[], datetime] = utc_now) -> None:
        """Wrap an open store; `Ledger.open` is the usual way."""
        self._store = store
        self._prices = prices
        self._now = now
        self._recorder = Recorder(store=store, prices=prices, now=now, new_id=new_request_id)
        self._begun: dict[str, Begun] = {}

    @classmethod
    def open(cls, path: str | Path | None = None, *, create: bool = True) -> Self:
        """Open a ledger: the user's own, or the file at `path`. Raises StorageError when that is impossible."""
        paths = user_paths()
        place = Path(path) if path is not None else paths.ledger
        zone = "UTC" if place.exists() else new_home_zone(paths)
        return cls(open_ledger(place, create=create, now=utc_now, home_zone=zone), price_book(paths))

    @property
    def path(self) -> Path:
        """The ledger's file."""
        return self._store.path

    def begin(
        self,
        model: str,
        *,
        provider: str | None = None,
        endpoint: str = "",
        dialect: str = "none",
        attribution: Attribution | None = None,
        input_tokens: int | None = None,
        max_output_tokens: int | None = None,
    ) -> str:
        """Note durably that a request is about to be sent; returns its id, 32 hexadecimal digits.

        `input_tokens` is an estimate and `max_output_tokens` a limit: they bound the cost should the process die.
        """
        opening = self._opening(model, provider, endpoint=endpoint, dialect=dialect, attribution=attribution)
        begun = self._recorder.begin(replace(opening, input_tokens=input_tokens, max_output_tokens=max_output_tokens))
        self._begun[id_text(begun.request_id)] = begun
        return id_text(begun.request_id)

    def finish(self, request_id: str, outcome: Outcome = COMPLETED) -> Finished:
        """Write the row of a request that was begun, priced at its start; answers with the row.

        Raises UsageError for an id that nobody began, or that has ended already.
        """
        begun = self._begun.get(request_id) or self._begun_elsewhere(request_id)
        row = self._recorder.finish(begun, _ending(begun.dialect, begun.provider, outcome))
        self._begun.pop(request_id, None)
        return row

    def record(
        self,
        model: str,
        outcome: Outcome,
        *,
        provider: str | None = None,
        endpoint: str = "",
        dialect: str = "none",
        attribution: Attribution | None = None,
        started_at: datetime | None = None,
    ) -> Finished:
        """Write the row of a request that is over already, in one go; answers with the row."""
        opening = self._opening(model, provider, endpoint=endpoint, dialect=dialect, attribution=attribution)
        ending = _ending(dialect, opening.provider, outcome)
        row = self._recorder.record(opening, ending, started_at=started_at or self._now())
        if row is None:
            raise UsageError("a request with this id was recorded before")
        return row

    def request(self, request_id: str) -> Recorded | None:
        """One request as the ledger has it, with its corrections; any unique beginning or end of its id will do."""
        with open_reader(self.path) as reader:
            found = reader.find(request_id)
            if len(found) > 1:
                raise UsageError(f"several requests match {request_id!r}", hint="Give more digits of the id.")
            return reader.request(found[0]) if found else None

    def report(
        self,
        by: str | Iterable[str] = "model",
        *,
        period: str | None = None,
        since: str | None = None,
        until: str | None = None,
        timezone: str | None = None,
        selection: Selection | None = None,
    ) -> Report:
        """Sums by any dimensions over a range, in the words of the command line (`7d`, `2026-10`, `lastmonth` ...)."""
        with open_reader(self.path) as reader:
            clock = Clock(self._now(), timezone or reader.home_zone)
            window = parse_window(clock, period=period, since=since, until=until)
            asked = ReportRequest(
                window=window,
                selection=selection or Selection(),
                by=parse_by([by] if isinstance(by, str) else by),
            )
            return build_report(reader, asked, now=self._now())

    def usage(self, *, period: str | None = None, selection: Selection | None = None) -> Usage:
        """All that was used in a range, unit by unit, over the units that have a column."""
        totals = self.report(period=period, selection=selection).totals
        return Usage(**totals.units)

    def close(self) -> None:
        """Let go of the file; nothing is waiting, since every call returned when its record was durable."""
        self._store.close()

    def __enter__(self) -> Self:
        """The ledger itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def _opening(
        self, model: str, provider: str | None, *, endpoint: str, dialect: str, attribution: Attribution | None
    ) -> Opening:
        owner, name = split_model(model, provider)
        return Opening(
            provider=owner,
            model=name,
            source="api",
            dialect=dialect,
            endpoint=endpoint,
            billing=self._billing(owner),
            attribution=attribution or Attribution(),
        )

    def _billing(self, provider: str) -> Billing:
        known = self._prices.provider(provider)
        if known is None:
            return Billing.UNKNOWN
        return Billing.LOCAL if known.local else Billing.API

    def _begun_elsewhere(self, request_id: str) -> Begun:
        with open_reader(self.path) as reader:
            for running in reader.running():
                if id_text(running.begun.request_id) == request_id:
                    return running.begun
        raise UsageError(f"no request {request_id} is running", hint="Begin it first, and finish it once.")


def _ending(dialect: str, provider: str, outcome: Outcome) -> Ending:
    told = outcome.usage or Usage()
    reading = Reading()
    if outcome.body is not None and dialect != "none":
        reading = read_response(dialect, outcome.body, provider=provider)
    if reading.quality is not UsageQuality.EXACT and told.is_told:
        reading = replace(reading, usage=told, quality=outcome.usage_quality, is_complete=True)
    reading = replace(reading, price_context={**outcome.price_context, **reading.price_context})
    return Ending(
        status=outcome.status,
        reading=reading,
        http_status=outcome.http_status,
        error_type=outcome.error_type,
        error_message=outcome.error_message,
        provider_request_id=outcome.provider_request_id,
        cache_hit=outcome.cache_hit,
        latency_ms=outcome.latency_ms,
        first_token_ms=outcome.first_token_ms,
    )
