"""What all readers share: lines in bounded memory, dumps of objects, tables, times, counts and archives."""

import csv
import gzip
import io
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.errors import InputFileError
from llmledger.importers import _compression, _csv, _json, _lines, _objects, _providers, load
from llmledger.importers._contract import LogFile, Problem


def marked(content: bytes, *markers: bytes, **bounds: int) -> tuple[list[Any], int]:
    """Marked lines without their newlines, and problems of a content, and where the last whole line ends."""
    lines = _lines.MarkedLines(io.BytesIO(content), markers or (b'"usage"',), **bounds)
    found = [found for block in lines.blocks() for found in block]
    return [one if isinstance(one, Problem) else (one[0], one[1].removesuffix(b"\n")) for one in found], lines.end


def test_only_lines_with_a_marker_are_cut_out() -> None:
    """With the offset where each begins."""
    content = b'{"a":1}\n{"usage":2}\n{"b":3}\n{"usage":4}\n'

    assert marked(content) == ([(8, b'{"usage":2}'), (28, b'{"usage":4}')], 40)


def test_a_marker_inside_a_string_is_no_marker() -> None:
    """Quotes in strings are escaped."""
    assert marked(b'{"t":"\\"usage\\":{ no"}\n') == ([], 23)


def test_an_object_with_space_around_it_is_no_problem() -> None:
    """Nor is a line of spaces."""
    assert marked(b'  {"a":1} \n \n\t{"usage":1}\r\n') == ([(13, b'\t{"usage":1}\r')], 27)


def test_any_of_several_markers_will_do() -> None:
    """The first one in a line counts."""
    assert len(marked(b'{"x":1}\n{"y":"x"}\n{"z":1}\n', b'"x"', b'"y"')[0]) == 2


@given(st.lists(st.sampled_from([b'{"usage":1}', b'{"other":2}', b"", b"broken", b"\0\0"]), max_size=12), st.booleans())
def test_offsets_point_at_their_lines(parts: list[bytes], is_ended: bool) -> None:
    """Whatever stands between them."""
    content = b"\n".join(parts) + (b"\n" if is_ended and parts else b"")
    found, end = marked(content)

    for item in found:
        if not isinstance(item, Problem):
            assert content[item[0] :].startswith(item[1])
    assert end == content.rfind(b"\n") + 1
    assert sum(isinstance(item, Problem) for item in found) == sum(
        part in {b"broken", b"\0\0"} for part in content[:end].split(b"\n")
    )


def test_zero_bytes_of_a_crash_say_so() -> None:
    """File systems leave them where a write was lost."""
    assert "crash" in marked(b"\0\0\0\n")[0][0].reason


def test_a_line_over_the_limit_is_passed_over_in_bounded_memory() -> None:
    """A picture is no problem; one with a marker in it is."""
    bounded = partial(marked, block=64, longest=200)
    picture = b'{"picture":"' + b"x" * 500 + b'"}\n'
    usage = b'{"usage":"' + b"x" * 500 + b'"}\n'

    assert ([(len(picture), b'{"usage":1}')], len(picture) + 12) == bounded(picture + b'{"usage":1}\n')
    found, _ = bounded(usage + b'{"usage":1}\n')
    assert "passed over" in found[0].reason
    late = b'{"picture":"' + b"x" * 500 + b'","usage":1}\n'
    assert "passed over" in bounded(late)[0][0].reason
    assert bounded(picture.rstrip()) == ([], 0), "its writer may not have finished"
    assert bounded(b'{"usage":1}\n' + usage[:-1]) == ([(0, b'{"usage":1}')], 12)


@pytest.mark.parametrize("length", range(1, 30))
def test_a_line_that_is_still_written_is_neither_given_nor_a_problem(length: int) -> None:
    """A half one may end in a brace; `end` stays before it."""
    whole = b'{"usage":{"a":1},"b":{"c":{}}}'

    assert marked(b'{"b":1}\n' + whole[:length]) == ([], 8)
    assert marked(b'{"b":1}\n' + whole) == ([(8, whole)], 8)


def test_a_last_line_without_newline_is_given_when_it_can_be_whole() -> None:
    """But the end stays before it."""
    assert marked(b'{"usage":1}') == ([(0, b'{"usage":1}')], 0)
    assert marked(b'{"usage":1') == ([], 0)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'[{"a":1},{"a":2.5}]', [{"a": 1}, {"a": Decimal("2.5")}]),
        (b'{"a":1}\n{"a":2}\n', [{"a": 1}, {"a": 2}]),
        (b'{"data":[{"a":1}]}', [{"a": 1}]),
        (b'\xef\xbb\xbf {"a":\n 1}', [{"a": 1}]),
        (b"", []),
    ],
    ids=["array", "lines", "wrapped", "pretty", "empty"],
)
def test_objects_come_in_many_forms(content: bytes, expected: list[object]) -> None:
    """Fractions are Decimal."""
    assert expected == [item[1] for item in _objects.objects(io.BytesIO(content)) if not isinstance(item, Problem)]


def test_a_broken_object_costs_itself_alone_in_lines_and_the_rest_in_an_array() -> None:
    """Lines can be told apart."""
    lines = list(_objects.objects(io.BytesIO(b'{"a":1}\n{"b\n{"c":3}\n7\n')))
    array = list(_objects.objects(io.BytesIO(b'[{"a":1},{"b')))

    assert [(1, {"a": 1}), Problem(2, "broken off"), (3, {"c": 3}), Problem(4, "not a JSON object")] == lines
    assert [(1, {"a": 1}), Problem(2, "broken off")] == array


def test_objects_that_stretch_over_blocks_are_whole() -> None:
    """Also in small pieces."""
    found = list(_objects.objects(io.BytesIO(b'[{"a":"\xc3\xa4bc"},\n{"b":[1,2]}]'), block=3))
    assert found == [(1, {"a": "äbc"}), (2, {"b": [1, 2]})]
    broken = list(_objects.objects(io.BytesIO(b'{"a"\n{"b":1}\n'), block=3))
    assert Problem(1, "broken off") == broken[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (-1, 0),
        (1 << 70, 0),
        ("12", 12),
        ("x", 0),
        (2.0, 2),
        (float("nan"), 0),
        (Decimal(-1), 0),
        (None, 0),
        (True, 0),
    ],
)
def test_a_count_is_whole_and_never_negative(value: object, expected: int) -> None:
    """What cannot be a count is 0."""
    assert expected == _json.count(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$0.05", Decimal("0.05")),
        ("1,234.5", Decimal("1234.5")),
        ("-", None),
        ("NaN", None),
        (True, None),
        (3, Decimal(3)),
        (0.5, None),
    ],
)
def test_money_is_exact_or_unknown(value: object, expected: Decimal | None) -> None:
    """A float is never taken for money."""
    assert expected == _json.money(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-10-20T09:00:00Z", datetime(2026, 10, 20, 9, tzinfo=UTC)),
        ("2026-10-20 09:00:00", datetime(2026, 10, 20, 9, tzinfo=UTC)),
        ("2026-10-20T11:00:00+02:00", datetime(2026, 10, 20, 9, tzinfo=UTC)),
        (1792486800, datetime(2026, 10, 20, 9, tzinfo=UTC)),
        (1792486800000, datetime(2026, 10, 20, 9, tzinfo=UTC)),
        ("soon", None),
        (True, None),
        (10**18, None),
    ],
)
def test_a_time_is_utc_or_unknown(value: object, expected: datetime | None) -> None:
    """Without a zone it is UTC (ccusage#349)."""
    assert expected == _json.moment(value)


def test_milliseconds_are_known_when_both_ends_are() -> None:
    """In the right order."""
    at = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))

    assert _json.milliseconds(at, at + timedelta(seconds=1.5)) == 1500
    assert _json.milliseconds(at, at - timedelta(seconds=1)) is None
    assert _json.milliseconds(None, at) is None


@pytest.mark.parametrize(("value", "expected"), [('{"a":1}', {"a": 1}), ("{broken", {}), ("[1]", {}), (None, {})])
def test_an_object_may_arrive_as_text(value: object, expected: object) -> None:
    """LiteLLM's metadata does."""
    assert expected == _json.mapping(value)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":[1,2.5,null,true,"\\u00e9"],"b":{"a":1,"a":2}}',
        b'{"half an emoji":"\\ud83d"}',
        b'{"beyond 64 bits":123456789012345678901234567890}',
        b'\xef\xbb\xbf{"after a mark":1}',
    ],
    ids=["plain", "lone surrogate", "large number", "byte order mark"],
)
def test_the_quick_parser_reads_what_the_other_reads(text: bytes) -> None:
    """JavaScript writes lone surrogates where it cuts a text."""
    assert _json.quick_loads()(text) == _json.loads(text)


@pytest.mark.parametrize("text", [b"{", b'{"a":1}}', b"\xff", b"[" * 100_000], ids=["half", "more", "bytes", "deep"])
def test_what_is_no_json_is_refused_by_both_parsers(text: bytes) -> None:
    """As a ValueError, which makes it a problem of its line alone."""
    for parse in (_json.loads, _json.quick_loads()):
        with pytest.raises(ValueError, match=r"."):
            parse(text)


def test_rows_are_found_by_name_and_narrow_ones_reported() -> None:
    """A BOM, empty lines and unknown columns do not matter."""
    content = b"\xef\xbb\xbfb,a,x\r\n1,2,3\r\n\r\n4\r\n"

    assert [(2, {"b": "1", "a": "2", "x": "3"}), Problem(4, "1 columns where the header has 3")] == list(
        _csv.rows(io.BytesIO(content), ("a", "b"))
    )


def test_a_table_without_a_needed_column_is_refused() -> None:
    """By the name of the first that is missing."""
    assert [Problem(1, "no column c")] == list(_csv.rows(io.BytesIO(b"a,b\n1,2\n"), ("a", "c")))


def test_a_table_that_stops_being_one_ends_there() -> None:
    """A field of megabytes is no field."""
    found = list(_csv.rows(io.BytesIO(b"a\n" + b"x" * 99 + b"\n"), ("a",), longest_field=10))

    assert [Problem(2, "not CSV from here on")] == found


def test_long_fields_are_read_without_a_change_for_others() -> None:
    """The limit is the whole process's: it is the usual one between two rows, at the end and after a bad row."""
    usual = csv.field_size_limit()
    found = _csv.rows(io.BytesIO(b"a\n" + b"x" * (usual + 1) + b"\ny\n" + b"z" * (17 << 20)), ("a",))

    assert next(found) == (2, {"a": "x" * (usual + 1)})
    assert csv.field_size_limit() == usual
    assert [(3, {"a": "y"}), Problem(4, "not CSV from here on")] == list(found)
    assert csv.field_size_limit() == usual


@pytest.mark.parametrize("head", [b"\0", b"x" * 9000, b""])
def test_what_is_no_text_has_no_header(head: bytes) -> None:
    """Neither has a line of kilobytes."""
    assert frozenset() == _csv.header_of(head)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("anthropic/claude-sonnet-4-5", ("anthropic", "claude-sonnet-4-5")),
        ("gpt-5", ("openai", "gpt-5")),
        ("some/thing", ("unknown", "some/thing")),
    ],
)
def test_a_provider_is_named_or_told_by_the_model(model: str, expected: tuple[str, str]) -> None:
    """Never guessed by resemblance."""
    assert expected == _providers.split(model)


def test_an_unknown_provider_keeps_its_name() -> None:
    """In lower case; no name at all is unknown."""
    assert (_providers.known_as("OpenCode"), _providers.known_as("")) == ("opencode", "unknown")


def test_zstandard_is_asked_for_when_it_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The hint says how to get it."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    monkeypatch.setitem(sys.modules, "compression.zstd", None)

    with pytest.raises(InputFileError, match="Zstandard") as caught:
        LogFile(tmp_path / "x.jsonl.zst").open()
    assert "pip install zstandard" in (caught.value.hint or "")


def test_the_head_of_an_archive_is_decompressed(tmp_path: Path) -> None:
    """Recognising looks inside."""
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"hello"))

    assert _compression.read_head(path) == b"hello"
    assert _compression.is_compressed(path)


@pytest.mark.parametrize("source", ["codex_cli", "gemini_cli", "otel_jsonl"])
def test_a_line_that_no_object_begins_is_a_problem_in_every_reader(source: str, tmp_path: Path) -> None:
    """Its neighbours are read."""
    log = tmp_path / "session-rollout.jsonl"
    log.write_text("nonsense\n")

    assert [Problem(0, "not a JSON object")] == [
        item for item in load(source).read(LogFile(log)) if isinstance(item, Problem)
    ]


def test_a_damaged_archive_fails_as_files_do(tmp_path: Path) -> None:
    """Whatever its library raises; and it is closed."""
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"hello" * 1000)[:-20] + b"damaged at its end..")

    with pytest.raises(OSError, match="damaged"), _compression.open_binary(path) as stream:
        stream.read()


def test_zstandard_is_read_where_it_is_installed(tmp_path: Path) -> None:
    """Codex packs old rollouts so."""
    zstandard = pytest.importorskip("zstandard")
    path = tmp_path / "x.jsonl.zst"
    path.write_bytes(zstandard.compress(b"hello"))

    with _compression.open_binary(path) as stream:
        assert stream.read() == b"hello"


def test_an_object_beyond_any_record_is_given_up_at_its_line() -> None:
    """Memory stays small, the next line is read."""
    assert [Problem(1, "broken off"), (2, {"b": 1})] == list(
        _objects.objects(io.BytesIO(b'{"aaaaaaaaaaaaaa\n{"b":1}\n'), block=3, longest=5)
    )
