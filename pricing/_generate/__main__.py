"""Write the packaged price table again, from the price lists of installed wheels and the hand-kept facts here.

    python -m pricing._generate --checked 2026-11-21 --litellm FOLDER

The same inputs give the same bytes. `--litellm` is a folder into which the litellm wheel was installed with --no-deps.
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
    parser.add_argument("--litellm", type=Path, required=True, help="folder with the litellm wheel")
    parser.add_argument("--out", type=Path, default=HERE.parent, help="folder to write to")
    given = parser.parse_args()
    print(write_table(given.out, checked=given.checked, litellm=given.litellm))  # noqa: T201


main()
