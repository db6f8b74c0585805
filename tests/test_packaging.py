"""What a user installs: the wheel carries the program and its prices, and nothing of the workshop."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from tests.support.source import ROOT, SOURCE

from llmledger._version import VERSION
from llmledger.errors import PriceTableError
from llmledger.pricebook import packaged_folder


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from this tree without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def _run(program: Path, *args: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the program as installed in a folder, with the libraries of this environment and nothing of this tree."""
    command = [sys.executable, "-c", "from llmledger.__main__ import main; main()", *args]
    environ = {**os.environ, "PYTHONPATH": str(program), "HOME": str(home)}
    return subprocess.run(command, cwd=home, env=environ, capture_output=True, text=True, check=False)


def test_the_installed_program_runs_and_finds_its_prices(wheel: Path, tmp_path: Path) -> None:
    """Away from the source tree, from the wheel's own copy."""
    program, home = tmp_path / "program", tmp_path / "home"
    home.mkdir()
    zipfile.ZipFile(wheel).extractall(program)

    assert _run(program, "--version", home=home).stdout == f"llmledger {VERSION}\n"
    shown = _run(program, "pricing", "show", "openai/gpt-5-mini", home=home)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "gpt-5-mini" in shown.stdout
    assert packaged_folder(program / "llmledger") == program / "llmledger" / "_pricing"


def test_a_source_tree_finds_its_prices_beside_the_source() -> None:
    """An editable install has no copy of its own."""
    assert packaged_folder(SOURCE) == ROOT / "pricing"


def test_a_program_without_prices_says_so(tmp_path: Path) -> None:
    """Instead of taking every model for unpriced."""
    with pytest.raises(PriceTableError):
        packaged_folder(tmp_path / "llmledger")


def test_the_wheel_holds_the_package_the_prices_and_the_licence(wheel: Path) -> None:
    """No tests, no caches, no generators; the command is declared."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry_points = archive.read(f"llmledger-{VERSION}.dist-info/entry_points.txt").decode()

    assert {name.split("/")[0] for name in names} == {
        "llmledger",
        f"llmledger-{VERSION}.dist-info",
        f"llmledger-{VERSION}.data",
    }
    assert {name for name in names if ".data/" in name} == {
        f"llmledger-{VERSION}.data/data/share/bash-completion/completions/llmledger",
        f"llmledger-{VERSION}.data/data/share/zsh/site-functions/_llmledger",
        f"llmledger-{VERSION}.data/data/share/fish/vendor_completions.d/llmledger.fish",
    }
    assert "llmledger/_pricing/VERSION.toml" in names
    assert "llmledger/ledger/schema_v1.sql" in names
    assert f"llmledger-{VERSION}.dist-info/licenses/LICENSE" in names
    assert [name for name in names if "__pycache__" in name or "_generate" in name or "tests/" in name] == []
    assert "llmledger = llmledger.__main__:main" in entry_points
