"""A file that is whole or not there, also when its process is killed while it writes."""

import subprocess
import sys
from pathlib import Path

import pytest

from llmledger.errors import InputFileError
from llmledger.operations.whole_file import sweep, whole_file

_WRITES = """
import sys
from pathlib import Path
from llmledger.operations.whole_file import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    print("writing", flush=True)
    sys.stdin.read()
"""


def _unfinished(folder: Path) -> list[Path]:
    return list(folder.glob(".*.unfinished"))


def test_what_a_killed_process_left_is_removed_by_the_next_and_what_a_living_one_writes_is_not(tmp_path: Path) -> None:
    """Both write the same file, whose name could be a pattern."""
    path = tmp_path / "[all].csv"
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITES, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None and process.stdout.readline() == b"writing\n"
        with whole_file(path) as file:
            file.write(b"whole")
        (theirs,) = _unfinished(tmp_path)
    finally:
        process.kill()
        process.communicate()
    assert (path.read_bytes(), theirs.exists()) == (b"whole", True)

    with whole_file(path) as file:
        file.write(b"again")

    assert (path.read_bytes(), _unfinished(tmp_path)) == (b"again", [])


def test_only_files_that_fit_are_swept(tmp_path: Path) -> None:
    """Of one ledger, and not of another that keeps its archives in the same folder."""
    ours, theirs = tmp_path / ".llmledger-aa-1.gz.7.unfinished", tmp_path / ".llmledger-bb-1.gz.7.unfinished"
    for left in (ours, theirs):
        left.touch()

    sweep(tmp_path, "llmledger-aa*.gz")

    assert _unfinished(tmp_path) == [theirs]


def test_a_failure_leaves_the_old_file_and_nothing_half_written(tmp_path: Path) -> None:
    """An exception of the writer goes on; a folder that is not there is one clear line."""
    path = tmp_path / "all.csv"
    path.write_bytes(b"old")

    def write() -> None:
        with whole_file(path) as file:
            file.write(b"new")
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        write()

    assert (path.read_bytes(), _unfinished(tmp_path)) == (b"old", [])
    with pytest.raises(InputFileError, match="cannot be written: No such file"), whole_file(tmp_path / "no" / "x.csv"):
        pass
