"""`reconcile` of damaged statements, end to end: a clear error or an answer that adds up, in every form."""

import csv
import io
import json
import random
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.billed_ledger import a_ledger, a_request
from tests.support.statement_text import cases

Run = Callable[..., Any]
TABLES = [case for case in cases() if case.suffix == ".csv" and case.parent.name != "generic_csv"]
FORMS = ("json", "table", "md", "html", "csv")
ODD = (
    *("", "NaN", "-inf", "1e999", "1" * 400, "9" * 30, "1e-400", "-1", "-0", "1,5", "0x10", "²"),
    *("=cmd()", "\x00", "\x1b[2J", "true", "0001-01-01", "9999-12-31", "253402300800", "-62135596800"),
)


@pytest.mark.parametrize("seed", range(6))
def test_a_wrong_cell_is_a_clear_error_or_an_answer_that_adds_up(
    run_cli: Run, tmp_path: Path, ledger_path: Path, clock: Callable[[], datetime], seed: int
) -> None:
    """Whichever cell it is and in whichever form: no traceback, no answer beside an error, classes that sum up."""
    a_ledger(ledger_path, [a_request(1), a_request(2)], clock)
    rng = random.Random(seed)

    for number in range(12):
        path = _damaged(tmp_path, rng)
        form = FORMS[number % len(FORMS)]
        result = run_cli("reconcile", path, "--format", form)

        assert result.exit_code in (0, 1, 3), (path.read_text(), result.stderr)
        assert "Traceback" not in result.stderr
        assert bool(result.stdout) == (result.exit_code != 3)
        assert form != "table" or "\x1b" not in result.stdout
        if form == "json" and result.stdout:
            _adds_up(json.loads(result.stdout)["statements"])


def _damaged(folder: Path, rng: random.Random) -> Path:
    case = rng.choice(TABLES)
    rows = [row for row in csv.reader(io.StringIO(case.read_text(encoding="utf-8-sig"))) if row]
    row = rng.choice(rows[1:])
    row[rng.randrange(len(row))] = rng.choice(ODD)
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(rows)
    path = folder / case.name
    path.write_text(stream.getvalue(), encoding="utf-8")
    return path


def _adds_up(statements: list[dict[str, Any]]) -> None:
    for told in statements:
        if told["difference_usd"] is not None:
            classes = sum((Decimal(one["amount_usd"]) for one in told["classes"]), Decimal(0))
            assert classes == Decimal(told["difference_usd"])
            assert Decimal(told["billed_usd"]) - Decimal(told["ledger_usd"]) == classes
