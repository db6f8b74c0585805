"""Statement lines as plain JSON values, so that golden files can be read by a person; one command rewrites them.

python tests/support/statement_text.py      # writes every missing <case>.expected.json
"""

import json
import sys
import tomllib
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmledger.core.statement import StatementLine
from llmledger.statements import read, recognise

FIXTURES = Path(__file__).parent.parent / "fixtures" / "statements"


def cases() -> list[Path]:
    """Every fixture that is a statement."""
    found = (path for path in sorted(FIXTURES.glob("*/*")) if path.suffix in (".csv", ".json", ".zip", ".gz"))
    return [path for path in found if not path.name.endswith(".expected.json")]


def expected_path(case: Path) -> Path:
    """Where the lines of a fixture stand."""
    return case.with_name(case.name.split(".")[0] + ".expected.json")


def lines_of(case: Path) -> list[dict[str, Any]]:
    """What the recognised reader makes of a fixture."""
    rules = case.with_suffix(".rules.toml")
    table = tomllib.loads(rules.read_text(encoding="utf-8")) if rules.exists() else None
    return [_plain(line) for statement, parts in recognise(case, rules=table) for line in read(statement, parts)]


def _plain(line: StatementLine) -> dict[str, Any]:
    pairs = line._asdict().items()
    return {name: _value(value) for name, value in pairs if value not in (None, "", {})}


def _value(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, dict):
        return {key: _value(inner) for key, inner in value.items()}
    return value


if __name__ == "__main__":
    for case in cases():
        target = expected_path(case)
        if not target.exists() or "--all" in sys.argv:
            rows = ",\n".join(json.dumps(line, ensure_ascii=False) for line in lines_of(case))
            target.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
