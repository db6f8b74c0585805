"""Options that several commands share, so that each means the same and reads the same everywhere."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a result is written."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    MD = "md"


LedgerOption = Annotated[
    Path | None, typer.Option("--ledger", metavar="FILE", help="The ledger; yours by default.", show_default=False)
]
LedgersOption = Annotated[
    list[Path] | None,
    typer.Option("--ledger", metavar="FILE", help="A ledger; repeat to read several as one.", show_default=False),
]
FormatOption = Annotated[Format, typer.Option("--format", help="How the result is written.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --format json.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Do it; without this nothing is changed.")]
ZoneOption = Annotated[
    str | None,
    typer.Option("-z", "--timezone", metavar="ZONE", help="Time zone, as Europe/Berlin.", show_default=False),
]
CurrencyOption = Annotated[
    str | None,
    typer.Option("--currency", metavar="CODE", help="Show money in it, by [fx] of the config.", show_default=False),
]


def chosen_format(named: Format, json: bool) -> Format:
    """The format after `--json` had its say."""
    return Format.JSON if json else named
