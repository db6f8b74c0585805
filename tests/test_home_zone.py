"""Whose days a new ledger counts."""

from pathlib import Path

import pytest

from llmledger.errors import UsageError
from llmledger.home_zone import home_zone, machine_zone


@pytest.mark.parametrize(
    ("environ", "zone"),
    [
        ({"TZ": "Asia/Kolkata"}, "Asia/Kolkata"),
        ({"TZ": ":Europe/Berlin"}, "Europe/Berlin"),
        ({"TZ": "Etc/UTC"}, "UTC"),
        ({"TZ": "Mars/Base"}, None),
        ({}, None),
    ],
)
def test_the_zone_of_the_machine_comes_from_its_variable(
    environ: dict[str, str], zone: str | None, tmp_path: Path
) -> None:
    """TZ as POSIX writes it; what is no IANA name is no zone."""
    assert machine_zone(environ, tmp_path / "localtime") == zone


def test_the_zone_of_the_machine_comes_from_its_zone_file(tmp_path: Path) -> None:
    """/etc/localtime is a link into the zone database."""
    target = tmp_path / "zoneinfo" / "Pacific" / "Chatham"
    target.parent.mkdir(parents=True)
    target.touch()
    (tmp_path / "localtime").symlink_to(target)

    assert machine_zone({}, tmp_path / "localtime") == "Pacific/Chatham"


def test_what_was_set_wins_over_the_machine_and_must_exist() -> None:
    """The variable before the settings; a wrong name is refused rather than taken for UTC."""
    machine = {"TZ": "Asia/Kolkata"}

    assert home_zone({**machine, "LLMLEDGER_TZ": "Europe/Berlin"}, "America/New_York") == "Europe/Berlin"
    assert home_zone(machine, "America/New_York") == "America/New_York"
    assert home_zone(machine, None) == "Asia/Kolkata"
    with pytest.raises(UsageError):
        home_zone({}, "Europe/Berln")
