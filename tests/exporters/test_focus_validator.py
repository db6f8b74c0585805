"""The official validator of the FOCUS specification reads our export; it needs Python 3.12 and some minutes of patience."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.exporters.test_focus import REQUEST
from tests.support.sample import make_sample

from llmledger.core.export import Table
from llmledger.exporters import load

pytestmark = pytest.mark.slow

# numpy is pinned below 2 by the validator, and newer pyarrow wants 2; numpy 1 has no wheels for Python 3.13.
VALIDATOR, REPAIR = "focus-validator==2.2.1", "pyarrow<22"
PYTHON = "3.12"
# "ALL" would ask for columns of capacity, commitments and zones, which nobody who sells tokens has.
APPLIES = (
    "ACCOUNT_NAMING_SUPPORTED,PUBLIC_PRICE_LIST_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED,UNIT_PRICING_SUPPORTED,"
    "SUB_ACCOUNT_SUPPORTED,TAGGING_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED,NEGOTIATED_PRICING_SUPPORTED"
)
CONTRADICTION = "InvoiceId-C-005-C"
"""InvoiceId must be null before there is an invoice (C-004), and must not be null (C-005): one of them always fails."""

REQUESTS = [
    REQUEST,
    {**REQUEST, "billing": "subscription", "user": None, "tags": None},
    {**REQUEST, "cost_nanousd": 0, "components": '{"i": [12, 0], "o": [4, 0]}', "billing": "local", "rate": None},
    {**REQUEST, "cost_nanousd": 5_000_000_000, "project": None, "model": "", "key": None},
    {**REQUEST, "project": "Zürich", "model": "modèle 東", "rate": None, "team": "-1+2"},
    {**REQUEST, "cost_nanousd": 10, "components": '{"i": [0, 0], "as": ["0.5", 10]}', "price_context": None},
    {**REQUEST, "cost_nanousd": 10_000_000, "components": '{"ws": [1, 10000000]}', "client": "=cmd()", "tags": "{}"},
    {**REQUEST, "cost_nanousd": 1, "components": '{"i": [7, 0], "o": [1, 1]}', "user": 'a "b", ü', "provider": "x_y"},
    {**REQUEST, "cost_nanousd": None},
    {**REQUEST, "requests": 0},
]
"""Paid, covered by a plan, free, stated as a whole, by the second, by the piece, tiny, and what has no row."""


def interpreter() -> str | None:
    """A Python of the version that the validator can be installed for: on the path, or one that pyenv keeps beside it."""
    kept = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{PYTHON}*/bin/python3"))
    for found in (shutil.which(f"python{PYTHON}"), *map(str, kept), sys.executable):
        if found is not None:
            # What is on the path may be a shim with nothing behind it.
            asked = [found, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            said = subprocess.run(asked, capture_output=True, text=True, check=False)
            if said.returncode == 0 and said.stdout.strip() == PYTHON:
                return found
    return None


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own with the validator in it."""
    python = interpreter()
    if python is None:
        pytest.skip(f"THE OFFICIAL FOCUS VALIDATOR DID NOT RUN: no Python {PYTHON} on the path or in pyenv")
    place = tmp_path_factory.mktemp("focus") / "venv"
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "-q", "--python", python, str(place)], check=True, capture_output=True)
    install = [*uv, "pip", "install", "-q", "--python", str(place / "bin" / "python"), VALIDATOR, REPAIR]
    subprocess.run(install, check=True, capture_output=True)
    return place


def failed_rules(validator: Path, data: Path) -> set[str]:
    """What the validator objects to; its exit code is 0 whatever it finds."""
    command = [str(validator / "bin" / "focus-validator"), "--data-file", str(data), "--validate-version", "1.2"]
    options = ["--block-download", "--applicability-criteria", APPLIES, "--output-type", "console"]
    # It reads the currency codes from a path relative to where it was installed.
    (site_packages,) = validator.glob("lib/python*/site-packages")
    said = subprocess.run([*command, *options], cwd=site_packages, capture_output=True, text=True, check=False)
    counts = re.search(r"Total: (\d+) \| Pass: (\d+) \| Fail: (\d+)", said.stdout)
    assert counts is not None, said.stdout[-2000:] + said.stderr[-2000:]
    assert int(counts[1]) > 500 and int(counts[2]) > 200
    failed = set(re.findall(r"❌ (\S+): FAIL", said.stdout))
    assert len(failed) == int(counts[3])
    return failed


def test_the_official_validator_finds_only_its_own_contradiction(
    validator: Path, run_cli: RunCli, ledger_path: Path, tmp_path: Path
) -> None:
    """A week of priced requests, and one of every kind that a ledger may hold."""
    make_sample(ledger_path)
    data = tmp_path / "focus.csv"
    assert run_cli("export", "--format", "focus", "-o", data).exit_code == 0
    table = Table(tuple(REQUEST), [tuple(request.values()) for request in REQUESTS])
    (_, *kinds) = "".join(load("focus").write(table)).splitlines(keepends=True)
    data.write_text(data.read_text(encoding="utf-8") + "".join(kinds), encoding="utf-8")

    assert failed_rules(validator, data) == {CONTRADICTION}


def test_the_validator_would_find_a_column_that_is_wrong(validator: Path, tmp_path: Path) -> None:
    """A test that cannot fail proves nothing: a whole number for a decimal and a category that does not exist."""
    table = Table(tuple(REQUEST), [tuple(REQUEST.values())])
    (row, *_) = csv.DictReader(io.StringIO("".join(load("focus").write(table))))
    data = tmp_path / "wrong.csv"
    with data.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow({**row, "ChargeCategory": "Consumption", "BillingCurrency": "dollars"})

    assert failed_rules(validator, data) > {CONTRADICTION}
