"""Bytes to messages: events, objects, binary events and compressed bodies, in bounded memory."""

import gzip
import json
import zlib
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.core.usage import Usage
from llmledger.dialects import can_decode, decoded, load, unpacked
from llmledger.dialects._aws_events import AwsEvents
from llmledger.dialects._json_stream import EDGE, Edges, JsonObjects
from llmledger.dialects._metering import unwrapped
from llmledger.dialects._sse import Event, SseDecoder
from llmledger.dialects._values import Flags, count, decimal, raw_usage

OLLAMA = b'{"model": "m", "done": true, "prompt_eval_count": 42, "eval_count": 128}'
USED = Usage(input_tokens=42, output_tokens=128)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        (b"data: a\n\n", [Event("", b"a")]),
        (b"data:a\r\rdata:b\r\r", [Event("", b"a"), Event("", b"b")]),
        (b"event: x\r\ndata: a\r\ndata: b\r\n\r\n", [Event("x", b"a\nb")]),
        (b": comment\n\nid: 7\nretry: 10\nevent: lost\n\ndata: a\n\n", [Event("", b"a")]),
        (b"\xef\xbb\xbfdata: a\n\n", [Event("", b"a")]),
        (b"data\n\n", [Event("", b"")]),
        (b"data:  a", [Event("", b" a")]),
        (b"", []),
    ],
)
def test_events_are_read_as_the_standard_says(stream: bytes, events: list[Event]) -> None:
    """All line endings, several data lines, fields without value, and a last event without its blank line."""
    decoder = SseDecoder()
    whole = [*decoder.feed(stream), *decoder.finish()]
    by_byte = SseDecoder()
    one_by_one = [event for at in range(len(stream)) for event in by_byte.feed(stream[at : at + 1])]

    assert whole == events
    assert [*one_by_one, *by_byte.finish()] == events


def test_an_event_larger_than_the_bound_is_dropped_and_the_next_one_read() -> None:
    """Whether it is one long line, cut or not, or many lines."""
    for large in (b"data: " + b"x" * 50 + b"\n\n", b"data: xxxxx\n" * 9 + b"\n"):
        decoder = SseDecoder(bound=20)
        events = [event for at in range(0, len(large), 7) for event in decoder.feed(large[at : at + 7])]

        assert [*events, *decoder.feed(b"data: a\n\n")] == [Event("", b"a")]
        assert decoder.dropped >= 1


@given(st.lists(st.dictionaries(st.text(max_size=4), st.text(max_size=6), max_size=3), max_size=4), st.data())
def test_objects_are_found_on_lines_and_in_arrays_wherever_the_bytes_are_cut(
    objects: list[dict[str, str]], data: st.DataObject
) -> None:
    """Braces, quotes and backslashes inside strings are text."""
    lines = b"".join(json.dumps(each).encode() + b"\n" for each in objects)
    for stream in (lines, json.dumps(objects, indent=1).encode()):
        cut = data.draw(st.integers(0, len(stream)))
        splitter = JsonObjects()
        found = [*splitter.feed(stream[:cut]), *splitter.feed(stream[cut:])]
        assert [json.loads(each) for each in found] == objects


def test_a_line_that_broke_inside_a_string_is_given_up() -> None:
    """A raw newline there is no JSON: the object of the next line is whole."""
    assert JsonObjects().feed(b'{"a": "bro\n{"b": 1}\n') == [b'{"b": 1}']


def test_an_object_larger_than_the_bound_is_dropped_and_the_next_one_read() -> None:
    """Memory stays bounded whatever is sent."""
    splitter = JsonObjects(bound=30)
    stream = b'{"a": ["' + b"x" * 100 + b'\\"", [1]]}\n{"b": 1}\n'
    found = [each for at in range(0, len(stream), 7) for each in splitter.feed(stream[at : at + 7])]

    assert found == [b'{"b": 1}']
    assert splitter.dropped == 1


def test_both_ends_of_a_long_body_are_kept() -> None:
    """Sixty-four kilobytes of each, whatever comes between."""
    edges = Edges()
    for _ in range(40):
        edges.feed(b"a" * 10_000)
    edges.feed(b"end")

    head, tail = edges.ends()
    assert (len(head), len(tail), tail[-3:]) == (EDGE, EDGE, b"end")


@pytest.mark.parametrize("is_cut_short", [False, True])
def test_usage_at_the_end_of_a_body_too_large_to_keep_is_found(is_cut_short: bool) -> None:
    """A batch of vectors is larger than what is kept; a broken one says nothing."""
    vectors = b", ".join(b"0.0023064255" for _ in range(200_000))
    body = b'{"object": "list", "model": "text-embedding-3-small", "data": [{"embedding": [' + vectors + b"]}],"
    body += b'"usage": {"prompt_tokens": 512, "total_tokens": 512}}'
    meter = load("openai_embeddings").meter()
    for at in range(0, len(body) - (70_000 if is_cut_short else 0), 65_536):
        meter.feed(body[at : at + 65_536] if not is_cut_short else body[at : min(at + 65_536, len(body) - 70_000)])

    reading = meter.finish()

    assert reading.usage == (Usage() if is_cut_short else Usage(input_tokens=512))
    assert reading.model == "text-embedding-3-small"
    assert "oversized" in reading.flags


def test_a_member_cut_at_the_edge_is_not_read() -> None:
    """A model name or a usage whose end is missing is not told; numbers where names belong are not either."""
    meter = load("openai_embeddings").meter()
    meter.feed(b'{"id": 5, "model": "' + b"x" * 3_000_000)

    assert meter.finish().model is None


def _raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("Deflate", _raw_deflate),
        ("identity", bytes),
        (None, bytes),
    ],
)
def test_compressed_bodies_are_metered(encoding: str | None, pack) -> None:
    """gzip, zlib and the bare deflate that some send under zlib's name, cut anywhere."""
    packed = pack(OLLAMA)
    for size in (1, 7, len(packed)):
        meter = decoded(load("ollama").meter(), encoding)
        for at in range(0, len(packed), size):
            meter.feed(packed[at : at + size])
        assert meter.so_far.usage == USED
        assert meter.finish().usage == USED


@pytest.mark.parametrize("encoding", ["br", "zstd"])
def test_other_encodings_are_metered_where_a_decoder_is_installed(encoding: str) -> None:
    """Without one the reading says that nothing could be read."""
    packer = pytest.importorskip({"br": "brotli", "zstd": "zstandard"}[encoding])
    packed = packer.compress(OLLAMA)
    meter = decoded(load("ollama").meter(), encoding)
    meter.feed(packed[:9])
    meter.feed(packed[9:])

    assert meter.finish().usage == USED


def test_a_decoder_that_is_not_installed_leaves_a_flag() -> None:
    """zstd needs a package of its own before Python 3.14."""
    meter = decoded(load("ollama").meter(), "zstd")
    meter.feed(b"not zstd either")

    assert set(meter.finish().flags) <= {"undecoded_zstd", "encoding_broken"}
    assert (can_decode("gzip"), can_decode("compress")) == (True, False)


def test_what_cannot_be_decoded_is_flagged() -> None:
    """An encoding that nobody knows, and bytes that are not what they claim to be."""
    unknown = decoded(load("ollama").meter(), "lzma")
    broken = decoded(load("ollama").meter(), "gzip")
    later = decoded(load("ollama").meter(), "gzip")

    assert (unknown.feed(b"x"), broken.feed(b"\xff\xff\xff no gzip"), broken.feed(b"more")) == ("", "", "")
    assert unknown.finish().flags == ("undecoded_lzma",)
    assert "encoding_broken" in broken.finish().flags
    packed = gzip.compress(b'{"response": "Four", "done": false}\n' + OLLAMA * 40)
    later.feed(packed[:60])
    later.feed(b"\xff" * 60)
    assert later.so_far.is_complete is False


def test_a_compressed_bomb_is_decoded_in_steps() -> None:
    """Fifty megabytes of blanks pass through a bounded buffer."""
    meter = decoded(load("ollama").meter(), "gzip")
    meter.feed(gzip.compress(b" " * 50_000_000 + OLLAMA))

    assert meter.finish().usage == USED


def test_a_binary_stream_skips_headers_of_other_types() -> None:
    """Numbers, bytes and times among the headers; an unknown type ends them."""
    event = bytes([11]) + b":event-type" + b"\x07\x00\x04ping"
    others = b"\x01a\x00" + b"\x01b\x04\x00\x00\x00\x01" + b"\x01c\x06\x00\x02xx" + b"\x01d\x08" + b"\x00" * 8

    def message(headers: bytes) -> bytes:
        total = 12 + len(headers) + 2 + 4
        return total.to_bytes(4, "big") + len(headers).to_bytes(4, "big") + b"\0\0\0\0" + headers + b"{}" + b"\0\0\0\0"

    decoder = AwsEvents()
    assert decoder.feed(message(others + event)) == [("ping", b"{}")]
    assert decoder.feed(message(b"\x01a\x63" + event)) == [("", b"{}")]
    assert decoder.feed(message(b"\x05a")) == [("", b"{}")]
    assert decoder.feed(b"\xff" * 12) == []
    assert decoder.is_broken
    assert decoder.feed(message(event)) == []


def test_a_chunk_that_is_no_base64_is_left_as_it_is() -> None:
    """Bedrock's wrapping is taken off only where it is whole."""
    assert unwrapped(b'{"bytes": "e30="}') == b"{}"
    assert unwrapped(b'{"bytes": "***"}') == b'{"bytes": "***"}'
    assert unwrapped(b"{}") == b"{}"


@pytest.mark.parametrize(
    ("value", "expected", "flags"),
    [
        (7, 7, ()),
        ("7", 7, ("count_as_text",)),
        ("-7", 0, ("count_as_text", "negative_count")),
        ("many", None, ()),
        (True, None, ()),
        (None, None, ()),
        (-1, 0, ("negative_count",)),
        (10**16, None, ("absurd_count",)),
        (Decimal("7.0"), 7, ()),
        (Decimal("7.5"), None, ("absurd_count",)),
        (Decimal("1e999999"), None, ("absurd_count",)),
        (Decimal("NaN"), None, ("absurd_count",)),
        ([7], None, ()),
    ],
)
def test_counts_are_whole_numbers_or_not_told(value: object, expected: int | None, flags: tuple[str, ...]) -> None:
    """Whatever a stranger sends, a count is never negative and never larger than the world."""
    met = Flags()

    assert count(value, met) == expected
    assert met.names() == flags


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("0.00123"), Decimal("0.00123")),
        ("1.5e-7", Decimal("1.5e-7")),
        (3, Decimal(3)),
        (-1, None),
        (10**40, None),
        (Decimal("1e-999"), None),
        (True, None),
        ({}, None),
        ("9e20", None),
    ],
)
def test_amounts_are_exact_or_not_told(value: object, expected: Decimal | None) -> None:
    """No float, nothing negative, no exponent that would fill the memory."""
    assert decimal(value) == expected


def test_raw_usage_is_bounded() -> None:
    """Depth, width and length of a stranger's object are cut; numbers survive exactly."""
    deep: dict[str, object] = {}
    deep["a"] = deep
    assert json.dumps(raw_usage({"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}))
    assert len(raw_usage({f"k{i}": list(range(200)) for i in range(200)}) or {}) <= 64
    assert raw_usage({"n": Decimal("0.1"), "m": Decimal("0.12345678901234567890123"), "x": 10**30}) == {
        "n": 0.1,
        "m": "0.12345678901234567890123",
        "x": None,
    }
    assert raw_usage([1]) is None


def test_text_with_half_a_character_can_be_written() -> None:
    """A lone surrogate in a JSON escape becomes a replacement character."""
    meter = load("ollama").meter()
    text = meter.feed(b'{"response": "a\\ud83d", "done": false}\n')

    assert text == "a?"
    text.encode()


def test_bytes_that_claim_to_be_another_encoding_are_no_json() -> None:
    """NaN counts as not told, and nesting without end is no JSON."""
    assert load("ollama").meter().feed(b'{"a": NaN}') == ""
    meter = load("openai_chat").meter()
    meter.feed(b"data: " + b"[" * 100_000 + b"\n\n")
    assert meter.finish().flags == ("unread_body",)


def test_a_fold_that_fails_is_flagged_and_the_meter_goes_on() -> None:
    """The traffic must not suffer from what nobody foresaw."""
    from llmledger.dialects._metering import Draft, FoldMeter

    class Failing:
        draft = Draft()

        def take(self, message, event):
            raise ValueError(event)

        def mark(self, data):
            raise ValueError(data)

        def end(self):
            raise ValueError

    for stream in (b"data: {}\n\ndata: [DONE]\n\n", b"{}"):
        Failing.draft = Draft()
        meter = FoldMeter(Failing())
        meter.feed(stream)
        assert meter.finish() == replace(meter.so_far, flags=("parser_error",))


@pytest.mark.parametrize("encoding", [None, "", "identity", "gzip", "GZIP", "deflate", "br", "zstd"])
def test_a_packed_request_is_unpacked_for_reading(encoding: str | None) -> None:
    """In every encoding that answers may have."""
    name = (encoding or "").lower()
    pack = {"gzip": gzip.compress, "deflate": zlib.compress}.get(name, bytes)
    if name in {"br", "zstd"}:
        pack = pytest.importorskip({"br": "brotli", "zstd": "zstandard"}[name]).compress
    body = b'{"model": "m", "x": "' + bytes(range(32, 127)) * 200 + b'"}'

    assert unpacked(pack(body), encoding) == body


def test_of_what_cannot_be_unpacked_only_the_readable_beginning_is_read() -> None:
    """An unknown encoding has none; a broken body has what came before the break; a bomb has its first megabytes."""
    packed = gzip.compress(bytes(range(256)) * 4000, compresslevel=0)

    assert unpacked(b"anything", "shorthand") == b""
    assert unpacked(b"no gzip at all", "gzip") == b""
    assert unpacked(packed[:100_000] + b"\xff" * 50_000, "gzip").startswith(bytes(range(256)))
    assert 8 * 1024 * 1024 <= len(unpacked(gzip.compress(bytes(100_000_000)), "gzip")) < 20 * 1024 * 1024
