"""For every statement fixture: the ledger that produced it agrees with it, to the nano-dollar or the documented rounding."""

import tomllib
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from tests.support.planted import Rows
from tests.support.statement_text import cases

from llmledger.core.reconcile.booked import Booked
from llmledger.core.reconcile.causes import Cause
from llmledger.core.reconcile.cells import ms_of
from llmledger.core.reconcile.compare import Comparison, Terms, compare
from llmledger.core.statement import Format, LineKind, StatementLine
from llmledger.core.usage import UNIT_BY_NAME
from llmledger.statements import read, recognise

CASES = cases()


def no_price(provider: str, model: str, meter: str, at_ms: int, context: Mapping[str, str]) -> Decimal | None:
    """A table that knows nothing."""
    return None


def _terms(format_: Format) -> Terms:
    zone = UTC if format_.zone == "UTC" else ZoneInfo(format_.zone)
    return Terms(unit_price=no_price, canonical=lambda _, model: model.casefold(), format=format_, zone=zone)


def _read(case: Path) -> tuple[list[StatementLine], Format]:
    rules = case.with_suffix(".rules.toml")
    table = tomllib.loads(rules.read_text(encoding="utf-8")) if rules.exists() else None
    [(statement, parts)] = recognise(case, rules=table)
    return list(read(statement, parts)), statement.format


def ledger_of(lines: list[StatementLine], *, splits_cache: bool = True) -> list[Booked]:
    """One request per period, model and id that consumed and cost exactly what the lines say."""
    groups: dict[tuple[object, ...], list[StatementLine]] = defaultdict(list)
    for line in lines:
        if line.kind is LineKind.USAGE:
            groups[line.since, line.until, line.provider, line.model, line.request_id].append(line)
    return [_booked(number, group) for number, group in enumerate(groups.values(), start=1)]


def _booked(number: int, group: list[StatementLine]) -> Booked:
    first = group[0]
    usage: dict[str, int] = defaultdict(int)
    components: dict[str, tuple[int, int]] = {}
    total = 0
    for line in group:
        for meter, quantity in line.quantities.items():
            at: str | None = meter
            while at is not None:
                usage[at] += int(quantity)
                at = UNIT_BY_NAME[at].parent
        nano = round((line.amount or Decimal(0)) * 10**9)
        total += nano
        if line.meter:
            code = UNIT_BY_NAME[line.meter].code
            before = components.get(code, (0, 0))
            components[code] = before[0] + int(line.quantities.get(line.meter, 0)), before[1] + nano
    return Booked(
        row=number,
        ledger=0,
        request_id=number.to_bytes(16, "big"),
        provider_request_id=first.request_id,
        started_ms=ms_of(first.since),
        provider=first.provider,
        model=first.model,
        served_model=None,
        key=None,
        status="completed",
        quality="exact",
        cost_nanousd=total,
        usage=dict(usage),
        components=components,
        requests=sum(line.requests or 0 for line in group) or 1,
    )


def _compared(lines: list[StatementLine], rows: list[Booked], format_: Format) -> Comparison:
    return compare(((line, line.amount) for line in lines), Rows(rows), _terms(format_))


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_the_ledger_that_produced_a_statement_agrees_with_it(case: Path) -> None:
    """Only lines that are no usage, and rounding to the nano-dollar, are anything else than matched."""
    lines, format_ = _read(case)
    comparison = _compared(lines, ledger_of(lines), format_)

    others = sum((line.amount or Decimal(0) for line in lines if line.kind is not LineKind.USAGE), Decimal(0))
    listed = [line for line in lines if line.list_amount not in (None, line.amount)]
    expected = {Cause.MATCHED, Cause.ROUNDING} | ({Cause.CREDITS} if listed else set())
    usage = [one for one in comparison.findings if one.evidence.startswith("a line of") is False]
    if not listed:
        assert abs(comparison.difference - others) < Decimal("0.00000001")
    assert expected >= {cause for one in usage for cause in one.causes}
    assert comparison.difference == sum((one.amount for one in comparison.findings), Decimal(0))


def test_whole_cents_of_the_console_export_differ_by_their_rounding() -> None:
    """41,000 in, 12,500 written, 300,000 read and 9,000 out at 3, 3.75, 0.3 and 15 USD per million are 0.394875; billed 0.40."""
    case = next(case for case in CASES if case.name == "era_2026_08.csv")
    lines, format_ = _read(case)
    exact = {
        "input_tokens": "0.123",
        "cache_write_tokens": "0.046875",
        "cache_read_tokens": "0.09",
        "output_tokens": "0.135",
    }
    rows = ledger_of([line._replace(amount=Decimal(exact[line.meter or ""])) for line in lines])
    comparison = _compared(lines, rows, format_)

    assert Decimal("0.005125") == comparison.difference
    assert {"matched": Decimal(0), "rounding": Decimal("0.005125")} == {
        one.class_name: one.amount for one in comparison.findings
    }
