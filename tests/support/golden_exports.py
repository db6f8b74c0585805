"""The shared small ledger in every export format; `python -m tests.support.golden_exports` writes the files anew.

Read what changed before it is committed: other programs read these formats.
"""

import sys
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.builders import NOON, a_begun, a_finished
from tests.support.small_ledger import sample_facts, write_ledger

from llmledger.core.cost import Component
from llmledger.core.request import Attribution, Charged
from llmledger.core.selection import Selection
from llmledger.core.window import Window
from llmledger.core.words import CostSource
from llmledger.exporters import load, names
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.queries.export import read_records, read_view

FOLDER = Path(__file__).parent.parent / "fixtures" / "exporters"


def golden_file(name: str) -> Path:
    """Where the expected text of a format is."""
    return FOLDER / name / f"sample.{name}"


def write_sample(path: Path) -> None:
    """Five of the sample's requests, and one with components, tags, and texts that have to be quoted."""
    write_ledger(path, sample_facts()[3:12:2])
    nanousd = 3_600_000_000 + 3_600_000
    charged = Charged(
        cost_nanousd=nanousd,
        computed_nanousd=nanousd,
        cost_source=CostSource.COMPUTED,
        components=(Component("input_tokens", 1_200_000, 3_600_000_000), Component("output_tokens", 240, 3_600_000)),
        price_version="2026.11.20",
    )
    who = Attribution(user="=Zoë, 東", project='a "b"\tc', session="s1", tags={"env": "prod"})
    begun = a_begun(request_id=bytes(range(16)), started_at=NOON - timedelta(hours=1), attribution=who)
    with open_ledger(path, now=lambda: NOON) as book:
        book.record(a_finished(begun, charged=charged))


def rendered(name: str) -> str:
    """The sample in a format."""
    exporter = load(name)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        write_sample(path)
        with open_reader(path) as reader:
            read = read_records if exporter.ROWS == "records" else read_view
            return "".join(exporter.write(read(reader.connection, Window(), Selection())))


def main() -> None:
    """Write every expected file."""
    for name in names():
        golden_file(name).parent.mkdir(parents=True, exist_ok=True)
        golden_file(name).write_text(rendered(name), encoding="utf-8", newline="")
        sys.stdout.write(f"{golden_file(name)}\n")


if __name__ == "__main__":
    main()
