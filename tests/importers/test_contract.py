"""Every log source, found by its file: it fulfils the contract, has a recorded log, and tells what is expected."""

from pathlib import Path

import pytest
from tests.support.import_cases import EXPECTED, FIXTURES, as_log, cases, read_expected, requests_of, told

from llmledger.core.usage import UNIT_BY_NAME, Usage, leaves
from llmledger.core.words import Billing, Status, UsageQuality
from llmledger.errors import InputFileError
from llmledger.importers import load, names, recognise
from llmledger.importers._compression import read_head
from llmledger.importers._contract import Checkpoint, Location, LogFile, Problem

ALL = [(name, case) for name in names() for case in cases(name)]
every_source = pytest.mark.parametrize("source", names())
every_case = pytest.mark.parametrize(("source", "case"), ALL, ids=[f"{name}/{case.name}" for name, case in ALL])


@every_source
def test_a_source_has_a_recorded_log_and_a_test_of_its_own(source: str) -> None:
    """A new file without a fixture or a test fails here."""
    assert cases(source), f"tests/fixtures/importers/{source}/ is empty"
    assert (Path(__file__).parent / f"test_{source}.py").exists()


def test_no_recorded_log_is_left_over() -> None:
    """Every folder of fixtures belongs to a source, every expectation to a log."""
    assert {folder.name for folder in FIXTURES.iterdir()} == set(names())
    for expectation in FIXTURES.rglob(f"*{EXPECTED}"):
        assert expectation.with_name(expectation.name.removesuffix(EXPECTED)).exists()


@every_source
def test_a_source_fulfils_the_contract(source: str) -> None:
    """The names that the rest of the program uses are there, with their types."""
    importer = load(source)

    assert 10 < len(importer.SUMMARY) < 100
    assert importer.RETENTION_DAYS is None or importer.RETENTION_DAYS > 0
    assert all(isinstance(place, Location) for place in importer.find(Path("/nowhere"), {}))
    assert importer.billing(Path("/nowhere"), {}) in (None, *Billing)


@every_case
def test_a_recorded_log_tells_what_is_expected(source: str, case: Path, tmp_path: Path) -> None:
    """Golden: `python -m tests.support.import_cases` writes them anew, a person reads them."""
    assert read_expected(case) == told(source, as_log(case, tmp_path))


@every_case
def test_a_recorded_log_is_recognised_as_its_own(source: str, case: Path, tmp_path: Path) -> None:
    """Exactly one source takes a file."""
    log = as_log(case, tmp_path)

    assert source == recognise(log, read_head(log))


@every_case
def test_a_source_yields_requests_problems_and_a_checkpoint(source: str, case: Path, tmp_path: Path) -> None:
    """Counts are whole, known and add up; text is short; a checkpoint ends the file."""
    items = list(load(source).read(LogFile(as_log(case, tmp_path))))

    assert any(isinstance(item, Checkpoint) for item in items)
    assert all(len(item.reason) < 100 for item in items if isinstance(item, Problem))
    for item in requests_of(items):
        assert item.started_at.tzinfo is not None
        assert item.key.partition(":")[2]
        assert item.counts.keys() <= UNIT_BY_NAME.keys()
        assert all(type(count) is int and count >= 0 for count in item.counts.values())
        assert not leaves(Usage(**item.counts)).overfull
        assert isinstance(item.quality, UsageQuality)
        assert isinstance(item.status, Status)


@every_case
def test_reading_twice_tells_the_same(source: str, case: Path, tmp_path: Path) -> None:
    """A reader has no memory outside its file."""
    log = as_log(case, tmp_path)

    assert told(source, log) == told(source, log)


@every_case
def test_no_content_is_taken_in(source: str, case: Path, tmp_path: Path) -> None:
    """Prompts and answers of the recorded logs say `invented`; no record does."""
    assert "invented" not in repr(list(load(source).read(LogFile(as_log(case, tmp_path)))))


@every_source
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\0" * 100, b"{}", b"[]", b"{", b"\xff\xfe", b'{"a":1}\n{"b"'])
def test_no_bytes_stop_a_source(source: str, content: bytes, tmp_path: Path) -> None:
    """Whatever stands in a file, a reader yields and never raises."""
    for suffix in (".jsonl", ".json", ".csv", ".db"):
        log = tmp_path / f"log{suffix}"
        log.write_bytes(content)

        assert not requests_of(load(source).read(LogFile(log)))


@every_source
def test_no_source_takes_a_strangers_file(source: str) -> None:
    """Recognising is not guessing."""
    for head in (b"", b"hello\nworld\n", b'{"a": 1}\n', b"a,b,c\n1,2,3\n", b"\x7fELF\0\0\0", b"SQLite format 3\0"):
        assert not load(source).recognises(head)


def test_a_file_of_no_source_is_refused_with_the_names_of_all() -> None:
    """The hint says what can be named."""
    with pytest.raises(InputFileError, match="no log source") as caught:
        recognise(Path("x.txt"), b"hello")

    assert "claude_code" in (caught.value.hint or "")


def test_a_file_of_two_sources_is_refused_with_their_names() -> None:
    """Both are named, so that one can be chosen."""
    head = b'{"sessionId":"s","projectHash":"p","parentUuid":null}'

    with pytest.raises(InputFileError, match="claude_code, gemini_cli"):
        recognise(Path("x.jsonl"), head)


def test_an_unknown_source_is_no_module() -> None:
    """Names are checked against the folder before anything is imported."""
    with pytest.raises(KeyError):
        load("_contract")
