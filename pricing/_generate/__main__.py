"""Write the packaged price table again, from the price lists of installed wheels and the hand-kept facts here.

    python -m pricing._generate --checked 2026-11-21 --litellm FOLDER --older 2026-10-08=FOLDER

The same inputs give the same bytes. A FOLDER is one into which a litellm wheel was installed with --no-deps: the newest
and those that were the newest on earlier days (`uv pip install --target FOLDER --no-deps --exclude-newer DAY litellm`).
"""

import argparse
from datetime import date
from pathlib import Path

from pricing._generate.table import write_table

HERE = Path(__file__).parent


def main() -> None:
    """Read the arguments and write the table."""
    parser = argparse.ArgumentParser(prog="python -m pricing._generate", description=__doc__)
    parser.add_argument("--checked", type=date.fromisoformat, required=True, help="the day the wheels are read")
    parser.add_argument("--litellm", type=Path, required=True, help="folder with the newest litellm wheel")
    parser.add_argument("--older", type=_dated_folder, action="append", default=[], help="DAY=FOLDER of an earlier one")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="folder to write to")
    given = parser.parse_args()
    said = write_table(given.out, checked=given.checked, litellm=given.litellm, older=given.older)
    print(said)  # noqa: T201 - a tool of the developers


def _dated_folder(text: str) -> tuple[date, Path]:
    day, _, folder = text.partition("=")
    return date.fromisoformat(day), Path(folder)


main()
