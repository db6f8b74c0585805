"""How far running requests have come, told by a file that nothing hangs on."""

from pathlib import Path

import pytest

from llmledger.core.request import SoFar
from llmledger.ledger.owners import owners_folder
from llmledger.ledger.progress import read_progress, tell_progress


def test_what_is_told_is_read_back_until_nothing_is_told_any_more(tmp_path: Path) -> None:
    """The file is only its owner's to read, and goes when nothing runs."""
    ledger = tmp_path / "ledger.db"
    owners_folder(ledger).mkdir()
    running = {b"r" * 16: SoFar(input_tokens=12, output_tokens=None, cost_nanousd=34), b"s" * 16: SoFar()}

    tell_progress(ledger, "me", running)
    assert read_progress(ledger, "me") == running
    (path,) = owners_folder(ledger).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    tell_progress(ledger, "me", {})
    assert list(owners_folder(ledger).iterdir()) == []
    assert read_progress(ledger, "me") == {}


@pytest.mark.parametrize("content", ["", "[1]", '{"zz": {}}', '{"00": {"what": 1}}', '{"00": 7}'])
def test_what_cannot_be_read_tells_nothing(tmp_path: Path, content: str) -> None:
    """Of a half file, or one of another version."""
    owners_folder(tmp_path / "ledger.db").mkdir()
    (owners_folder(tmp_path / "ledger.db") / "me.progress").write_text(content)

    assert read_progress(tmp_path / "ledger.db", "me") == {}


def test_a_disk_that_takes_nothing_is_no_trouble(tmp_path: Path) -> None:
    """The folder is not even there."""
    tell_progress(tmp_path / "ledger.db", "me", {b"r" * 16: SoFar()})
