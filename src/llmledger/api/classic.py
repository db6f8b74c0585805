"""The ledger under the names that request loggers usually have: `log_request`, `log_api_call`, `get_usage_stats` ..."""

import sys
from dataclasses import dataclass
from datetime import date, datetime
from typing import TextIO

from llmledger.api.ledger import Ledger, Outcome
from llmledger.core.counted import counted
from llmledger.core.money import money_text, usd_text
from llmledger.core.report import Measures, Report
from llmledger.core.request import Attribution, Finished, id_text
from llmledger.core.selection import Selection
from llmledger.core.usage import Usage
from llmledger.core.window import Bucket
from llmledger.core.words import Status
from llmledger.errors import UsageError
from llmledger.ledger import Recorded

INTERVALS = {"hourly": "hour", "daily": "day", "weekly": "week", "monthly": "month"}


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageStats:
    """What a range of requests used and cost. Money is decimal text in USD, None when every request is unpriced."""

    requests: int
    failed: int
    unpriced: int
    success_rate: float | None
    """0 to 1; None without requests."""
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    cost_usd: str | None
    plan_value_usd: str | None
    mean_latency_ms: int | None
    p50_latency_ms: int | None
    p95_latency_ms: int | None
    p99_latency_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedStats:
    """The stats of one group: a model, or a bucket of time."""

    name: str | None
    stats: UsageStats


class ClassicLedger(Ledger):
    """A `Ledger` that also answers to the classic names. Everything ends in the same rows."""

    def log_request(
        self,
        provider: str,
        model: str,
        endpoint: str = "",
        *,
        prompt_tokens: int | None = None,
        max_tokens: int | None = None,
        user_id: str | None = None,
        client_id: str | None = None,
    ) -> str:
        """Note durably that a request is about to be sent; returns its id."""
        return self.begin(
            model,
            provider=provider,
            endpoint=endpoint,
            attribution=Attribution(user=user_id, client=client_id),
            input_tokens=prompt_tokens,
            max_output_tokens=max_tokens,
        )

    def log_response(
        self,
        request_id: str,
        *,
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        latency_ms: float | None = None,
        cache_hit: bool = False,
        success: bool = True,
        error_message: str | None = None,
    ) -> Finished:
        """Write the row of a request that `log_request` noted; answers with the row."""
        usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        return self.finish(
            request_id, _outcome(usage, latency_ms, cache_hit=cache_hit, error=_error(error_message, success=success))
        )

    def log_api_call(  # noqa: PLR0913, PLR0917 - the order that callers know
        self,
        provider: str,
        model: str,
        endpoint: str = "",
        prompt_tokens: int | None = None,
        completion_tokens: int | None = None,
        latency_ms: float | None = None,
        operation_type: str | None = None,
        cache_hit: bool = False,  # noqa: FBT001, FBT002
        user_id: str | None = None,
        success: bool = True,  # noqa: FBT001, FBT002
        error_message: str | None = None,
    ) -> str:
        """Write the row of a call that is over, in one go; returns its id."""
        usage = Usage(input_tokens=prompt_tokens, output_tokens=completion_tokens)
        row = self.record(
            model,
            _outcome(usage, latency_ms, cache_hit=cache_hit, error=_error(error_message, success=success)),
            provider=provider,
            endpoint=endpoint,
            attribution=Attribution(user=user_id, operation=operation_type),
        )
        return id_text(row.begun.request_id)

    def get_usage_stats(self, start_date: date | str | None = None, end_date: date | str | None = None) -> UsageStats:
        """Totals over a range of days, both included; without dates over everything."""
        return _stats(self.report(since=_day(start_date), until=_day(end_date)).totals)

    def get_detailed_stats(
        self, start_date: date | str | None = None, end_date: date | str | None = None
    ) -> tuple[NamedStats, ...]:
        """Per model over a range of days: requests, success rate, mean and percentile response times, tokens, cost."""
        return _named(self.report("model", since=_day(start_date), until=_day(end_date)))

    def get_aggregates(self, interval: str = "day") -> tuple[NamedStats, ...]:
        """Totals per `hour`, `day`, `week` or `month`, oldest first; raises UsageError for another interval."""
        bucket = INTERVALS.get(interval, interval)
        if bucket not in {one.value for one in Bucket}:
            raise UsageError(f"no interval {interval!r}", hint="Use hour, day, week or month.")
        return tuple(sorted(_named(self.report(bucket)), key=lambda one: one.name or ""))

    def get_client_usage_data(self, client_id: str) -> UsageStats:
        """Totals of one client over everything."""
        return _stats(self.report(selection=Selection(client=(client_id,))).totals)

    def get_request_details(self, request_id: str) -> Recorded | None:
        """One request with its corrections, found by any unique beginning or end of its id."""
        return self.request(request_id)

    def print_usage_info(self, file: TextIO | None = None) -> None:
        """Write a few lines per model: requests, tokens, cost."""
        report = self.report("model")
        into = sys.stdout if file is None else file
        for row in report.rows:
            into.write(_line(str(row.key[0]), row.measures))
        into.write(_line("total", report.totals))


def _outcome(usage: Usage, latency_ms: float | None, *, cache_hit: bool, error: str | None) -> Outcome:
    return Outcome(
        status=Status.COMPLETED if error is None else Status.FAILED,
        usage=usage,
        latency_ms=None if latency_ms is None else round(latency_ms),
        cache_hit=cache_hit,
        error_message=error or None,
    )


def _error(message: str | None, *, success: bool) -> str | None:
    return None if success else message or ""


def _day(day: date | str | None) -> str | None:
    if isinstance(day, datetime):
        return day.isoformat()
    return day.isoformat() if isinstance(day, date) else day


def _stats(measures: Measures) -> UsageStats:
    succeeded = measures.requests - measures.failed
    return UsageStats(
        requests=measures.requests,
        failed=measures.failed,
        unpriced=measures.unpriced,
        success_rate=succeeded / measures.requests if measures.requests else None,
        prompt_tokens=measures.units.get("input_tokens", 0),
        cached_tokens=measures.units.get("cache_read_tokens", 0),
        completion_tokens=measures.units.get("output_tokens", 0),
        cost_usd=usd_text(measures.cost_nanousd),
        plan_value_usd=usd_text(measures.plan_value_nanousd),
        mean_latency_ms=measures.latency_mean_ms,
        p50_latency_ms=measures.latency_p50_ms,
        p95_latency_ms=measures.latency_p95_ms,
        p99_latency_ms=measures.latency_p99_ms,
    )


def _named(report: Report) -> tuple[NamedStats, ...]:
    return tuple(NamedStats(name=row.key[0], stats=_stats(row.measures)) for row in report.rows)


def _line(name: str, measures: Measures) -> str:
    tokens = measures.units.get("input_tokens", 0), measures.units.get("output_tokens", 0)
    cost = money_text(measures.cost_nanousd)
    return f"{name}: {counted(measures.requests, 'request')}, {tokens[0]:,} tokens in, {tokens[1]:,} out, {cost}\n"
