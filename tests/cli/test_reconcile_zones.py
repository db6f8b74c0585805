"""`reconcile -p` of exports whose days follow the account's offset: a month is a month of that clock."""

import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.billed_ledger import a_ledger, a_request

Run = Callable[..., Any]
FIRST = datetime(2026, 9, 30, 16, tzinfo=UTC)
"""When October begins eight hours ahead of UTC."""
AMOUNTS = "user_id,start_time_iso,end_time_iso,model,api_key_name,api_key,type,price,amount\n"
COSTS = "user_id,start_time_iso,end_time_iso,model,wallet_type,cost,currency\n"
LAST = datetime(2026, 10, 31)


@pytest.fixture
def ledger(ledger_path: Path, clock: Callable[[], datetime]) -> Path:
    """Requests of $0.065 in the first and the last hour of October there, and in the hours beside."""
    begins = (FIRST, FIRST + timedelta(days=31) - timedelta(minutes=30))
    beside = (FIRST - timedelta(minutes=30), FIRST + timedelta(days=31))
    requests = [a_request(number) for number in range(4)]
    moved = [
        replace(one, begun=replace(one.begun, provider="deepseek", started_at=at))
        for one, at in zip(requests, (*begins, *beside), strict=True)
    ]
    return a_ledger(ledger_path, moved, clock)


def an_export(path: Path, days: Sequence[datetime], offset: str = "+08:00") -> Path:
    """The ZIP of an account: a request of $0.065 on each of some days of its own."""
    amounts, costs = AMOUNTS, COSTS
    for day in days:
        begin, end = (f"{at:%Y-%m-%dT%H:%M:%S}{offset}" for at in (day, day + timedelta(days=1)))
        where = f"u,{begin},{end},demo-mini-2026-08-01"
        amounts += f"{where},laptop,sk-aa****zz,input_cache_miss_tokens,0.00000025,100000\n"
        amounts += f"{where},laptop,sk-aa****zz,output_tokens,0.000002,20000\n"
        costs += f"{where},Paid,0.065,USD\n"
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("amount-2026-10.csv", amounts)
        archive.writestr("cost-2026-10.csv", costs)
    path.write_bytes(content.getvalue())
    return path


@pytest.mark.usefixtures("ledger")
def test_a_month_of_an_export_with_an_offset_has_its_own_first_and_last_day(run_cli: Run, tmp_path: Path) -> None:
    """Four days are in the file, two of them October's: 2 x $0.065 on both sides, with the ledger cut at 16:00 UTC."""
    days = [datetime(2026, 9, 30), datetime(2026, 10, 1), LAST, datetime(2026, 11, 1)]
    export = an_export(tmp_path / "usage.zip", days)
    october = run_cli("reconcile", export, "-p", "2026-10")
    whole = run_cli("reconcile", an_export(tmp_path / "month.zip", days[1:3]))

    for result in (october, whole):
        assert result.exit_code == 0, result.stderr
        assert "DeepSeek billed $0.13 for October 2026 (UTC+8). The ledger has $0.13." in " ".join(
            result.stdout.split()
        )
        assert "Unexplained: $0.00." in result.stdout


@pytest.mark.usefixtures("ledger")
def test_a_recorded_month_with_an_offset_keeps_its_clock(run_cli: Run, tmp_path: Path) -> None:
    """It is listed and shown by its own days."""
    export = an_export(tmp_path / "usage.zip", [datetime(2026, 10, 1), LAST])
    recorded = run_cli("reconcile", export, "--record")

    assert recorded.exit_code == 0, recorded.stderr
    assert "October 2026" in run_cli("reconcile", "list").stdout
    assert "2026-10-31" in run_cli("reconcile", "show", "1").stdout


@pytest.mark.usefixtures("ledger")
def test_days_that_begin_between_two_hours_stay_days_of_utc(run_cli: Run, tmp_path: Path) -> None:
    """No zone is known by half an hour alone."""
    export = an_export(tmp_path / "usage.zip", [datetime(2026, 10, 1)], offset="+05:30")

    assert "(UTC)" in run_cli("reconcile", export).stdout
