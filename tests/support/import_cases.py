"""Recorded logs with what is expected of them.

`python -m tests.support.import_cases` writes the expectations anew, to be read by a person.
"""

import json
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmledger.importers import load
from llmledger.importers._contract import Checkpoint, Imported, Item, LogFile, Problem, whole
from llmledger.operations._import_rows import merged

FIXTURES = Path(__file__).parent.parent / "fixtures" / "importers"
EXPECTED = ".expected.json"


def cases(source: str) -> list[Path]:
    """The recorded logs of one source."""
    return sorted(path for path in (FIXTURES / source).glob("*") if not path.name.endswith(EXPECTED))


def as_log(case: Path, folder: Path) -> Path:
    """The log itself: a `.sql` case is a database that has to be made."""
    if case.suffix != ".sql":
        return case
    log = folder / f"{case.stem}.db"
    with closing(sqlite3.connect(log)) as connection:
        connection.executescript(case.read_text(encoding="utf-8"))
    return log


def told(source: str, log: Path) -> dict[str, Any]:
    """All that a log tells, as JSON values: merged requests by key, and problems."""
    records: dict[str, Imported] = {}
    problems = []
    for item in load(source).read(LogFile(log)):
        if isinstance(item, Problem):
            problems.append([item.place, item.reason])
        for one in requests_of([item]):
            records[one.key] = whole(merged(records[one.key], one)) if one.key in records else one
    return {"requests": [_plain(record) for record in records.values()], "problems": problems}


def requests_of(items: Iterable[Item]) -> list[Imported]:
    """The requests among what a reader yields, each whole."""
    found: list[Imported] = []
    for item in items:
        if isinstance(item, (Imported, list)):
            found.extend(map(whole, item if isinstance(item, list) else [item]))
        else:
            assert isinstance(item, (Problem, Checkpoint))
    return found


def _plain(record: Imported) -> dict[str, Any]:
    defaults = Imported._field_defaults
    values = record._asdict()
    return {name: _value(value) for name, value in values.items() if name not in defaults or value != defaults[name]}


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, tuple):
        return [_value(part) for part in value]
    return value


def read_expected(case: Path) -> Any:
    """What is expected of a case."""
    return json.loads(case.with_name(case.name + EXPECTED).read_text(encoding="utf-8"))


def _rewritten() -> Iterator[Path]:
    for folder in sorted(FIXTURES.iterdir()):
        for case in cases(folder.name):
            with tempfile.TemporaryDirectory() as place:
                found = told(folder.name, as_log(case, Path(place)))
            target = case.with_name(case.name + EXPECTED)
            target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
            yield target


if __name__ == "__main__":
    for written in _rewritten():
        print(written.relative_to(FIXTURES))
