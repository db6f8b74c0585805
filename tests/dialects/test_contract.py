"""What every wire format owes: captures read as expected however they are cut, and no bytes make a meter raise."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmledger.core.usage import Usage
from llmledger.core.words import UsageQuality
from llmledger.dialects import from_path, load, names
from llmledger.dialects._contract import Prompt, Reading
from llmledger.operations.read_usage import read_response, read_usage

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
BODIES = sorted(path for path in FIXTURES.glob("*/*") if not path.name.endswith(".expected.json"))
REQUIRED = ("plain", "broken_off", "error")
JOBS = {"anthropic_batches", "gemini_operations", "openai_batches"}
METERING_ONLY = {"bedrock_converse", "cohere", "openai_audio", "openai_images", *JOBS}

bodies = pytest.mark.parametrize("body", BODIES, ids=lambda path: f"{path.parent.name}/{path.stem}")
dialects = pytest.mark.parametrize("dialect", names())


def expectation(body: Path) -> dict[str, Any]:
    """What a person wrote down beside a capture."""
    return json.loads((body.parent / f"{body.stem}.expected.json").read_text(), parse_float=Decimal)


@cache
def provider_of(body: Path) -> str:
    """Who answered, where the expectation says so."""
    return str(expectation(body).get("provider", ""))


def metered(body: Path, pieces: list[bytes]) -> tuple[str, Reading]:
    """Feed the pieces of a capture to a new meter."""
    meter = load(body.parent.name).meter(provider=provider_of(body))
    text = "".join(meter.feed(piece) for piece in pieces)
    return text, meter.finish()


def as_written(text: str, reading: Reading) -> dict[str, Any]:
    """A reading in the form in which expectations are written."""
    told = {unit: amount if isinstance(amount, int) else str(amount) for unit, amount in reading.usage.told().items()}
    written: dict[str, Any] = {
        "usage": told,
        "quality": str(reading.quality),
        "is_complete": reading.is_complete,
        "text": text,
        "output_characters": reading.output_characters,
    }
    for field in ("model", "response_id", "finish_reason", "error_type", "error_message", "raw_usage"):
        if getattr(reading, field) is not None:
            written[field] = json.loads(json.dumps(getattr(reading, field)), parse_float=Decimal)
    if reading.price_context:
        written["price_context"] = dict(reading.price_context)
    if reading.reported_usd is not None:
        written["reported_usd"] = str(reading.reported_usd)
    if reading.parts:
        written["parts"] = [{"model": part.model, "usage": part.usage.told()} for part in reading.parts]
    if reading.flags:
        written["flags"] = list(reading.flags)
    return written


def test_every_capture_has_an_expectation_and_every_expectation_a_capture() -> None:
    """Nothing lies about in the folder that no test reads."""
    bodies = {(path.parent.name, path.stem) for path in BODIES}
    written = {
        (path.parent.name, path.name.removesuffix(".expected.json")) for path in FIXTURES.glob("*/*.expected.json")
    }
    assert bodies == written
    assert {dialect for dialect, _ in bodies} == set(names())


@dialects
def test_every_format_has_the_captures_that_it_must_have(dialect: str) -> None:
    """Plain, broken off and error; and streamed where the format has streams."""
    cases = {path.stem for path in BODIES if path.parent.name == dialect}
    required = {*REQUIRED, "streamed"} if dialect not in {"openai_embeddings", *JOBS} else {*REQUIRED}
    assert required <= cases


@bodies
def test_a_capture_reads_as_expected(body: Path) -> None:
    """Usage, quality, model, cost, error, flags and text are what a person wrote down."""
    expected = expectation(body)
    expected.pop("provider", None)

    assert as_written(*metered(body, [body.read_bytes()])) == expected


@pytest.mark.unmeasured
@bodies
def test_a_capture_reads_the_same_byte_by_byte(body: Path) -> None:
    """Where the network cuts changes nothing, inside UTF-8 and inside a line ending included."""
    data = body.read_bytes()

    assert metered(body, [data[at : at + 1] for at in range(len(data))]) == metered(body, [data])


@pytest.mark.unmeasured
@bodies
def test_a_capture_reads_the_same_cut_in_two_anywhere(body: Path) -> None:
    """Each cut of one of the smaller captures; larger ones at every thirteenth byte."""
    data = body.read_bytes()
    whole = metered(body, [data])
    for cut in range(0, len(data), 1 if len(data) < 600 else max(13, len(data) // 60)):
        assert metered(body, [data[:cut], data[cut:]]) == whole


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(BODIES), st.data())
def test_a_capture_reads_the_same_at_random_cuts(body: Path, data: st.DataObject) -> None:
    """The same law at cuts that nobody thought of."""
    whole = body.read_bytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=12)))
    pieces = [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]

    assert metered(body, pieces) == metered(body, [whole])


@pytest.mark.unmeasured
@bodies
def test_a_capture_that_breaks_anywhere_never_claims_more_than_it_told(body: Path) -> None:
    """A connection reset after k bytes gives a reading; what it calls exact is the usage of the whole."""
    data = body.read_bytes()
    whole = metered(body, [data])[1]
    for end in range(0, len(data), max(1, len(data) // 40)):
        _, reading = metered(body, [data[:end]])
        if reading.quality is UsageQuality.EXACT and body.stem != "usage_twice":
            assert reading.usage.total_tokens == whole.usage.total_tokens


@pytest.mark.parametrize(
    ("plain", "streamed"),
    [
        (path, other)
        for path in BODIES
        for other in BODIES
        if path.parent == other.parent
        and other.stem in {f"{path.stem}_streamed", *(["streamed"] if path.stem == "plain" else [])}
        and (path.parent.name, path.stem) != ("anthropic_messages", "cached_5m_and_1h")
    ],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_stream_gives_the_usage_of_the_same_call_unstreamed(plain: Path, streamed: Path) -> None:
    """Cached tokens do not vanish because somebody streamed (new-api#6144)."""
    assert metered(plain, [plain.read_bytes()])[1].usage == metered(streamed, [streamed.read_bytes()])[1].usage


@dialects
@settings(deadline=None, max_examples=40)
@given(chunks=st.lists(st.binary(max_size=80), max_size=8))
def test_no_bytes_make_a_meter_raise(dialect: str, chunks: list[bytes]) -> None:
    """Noise gives a reading without usage."""
    meter = load(dialect).meter()
    for chunk in chunks:
        meter.feed(chunk)
        assert isinstance(meter.so_far, Reading)
    assert isinstance(meter.finish(), Reading)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@dialects
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_wrong_types_anywhere_never_stop_a_meter(dialect: str, data: st.DataObject) -> None:
    """Any member of a real message may be of any type: the meter reads on, and counts stay counts."""
    texts = [path.read_text() for path in BODIES if path.parent.name == dialect and path.suffix == ".json"]
    message = json.loads(data.draw(st.sampled_from([text for text in texts if text.strip().endswith("}")])))
    spot: Any = message
    while isinstance(spot, (dict, list)) and spot:
        key = data.draw(st.sampled_from(list(spot) if isinstance(spot, dict) else list(range(len(spot)))))
        if not isinstance(spot[key], (dict, list)) or not spot[key] or data.draw(st.booleans()):
            spot[key] = data.draw(JSON)
            break
        spot = spot[key]

    reading = read_response(dialect, json.dumps(message).encode())

    assert all(amount >= 0 for amount in reading.usage.told().values())
    json.dumps(reading.raw_usage)


@dialects
def test_every_format_is_described_and_found_by_its_paths(dialect: str) -> None:
    """Each has a line for people, and each of its paths leads back to it."""
    module = load(dialect)
    assert module.SUMMARY
    for path in module.PATHS:
        assert from_path("/somewhere" + path.replace("*", "x")) == dialect


@dialects
def test_every_request_that_a_format_builds_it_reads_back(dialect: str) -> None:
    """Model, stream and limit of a prompt survive the wire."""
    if dialect in METERING_ONLY:
        assert not hasattr(load(dialect), "build_request")
        return
    prompt = Prompt(model="some-model", text="What does it cost?", max_output_tokens=77, stream=True)
    built = load(dialect).build_request(prompt)
    facts = load(dialect).read_request(built.body, path=built.path)

    assert from_path(built.path) == dialect
    assert facts.model == "some-model"
    if dialect != "openai_embeddings":
        assert (facts.stream, facts.max_output_tokens, facts.usage_asked) == (True, 77, True)
    assert facts.input_characters >= len(prompt.text)


@dialects
@settings(deadline=None, max_examples=40)
@given(body=st.binary(max_size=120) | JSON.map(lambda value: json.dumps(value).encode()))
def test_no_request_body_makes_a_reader_raise(dialect: str, body: bytes) -> None:
    """A body that cannot be read gives facts that say nothing."""
    load(dialect).read_request(body, path="/model/x/y")


def test_unknown_formats_are_refused_with_the_known_ones() -> None:
    """The error lists what there is; a module of the folder that is no format is none."""
    with pytest.raises(Exception, match="no dialect named 'morse'") as refused:
        read_usage("morse", b"")
    assert "openai_chat" in str(refused.value.hint)  # type: ignore[attr-defined]
    with pytest.raises(KeyError):
        load("_sse")


def test_usage_is_read_from_a_whole_body_in_one_call() -> None:
    """`read_usage` is the short form for those who have the bytes."""
    body = b'{"model": "m", "done": true, "prompt_eval_count": 42, "eval_count": 128}'

    assert read_usage("ollama", body) == Usage(input_tokens=42, output_tokens=128)


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/v1/chat/completions", "openai_chat"),
        ("/openai/deployments/gpt/chat/completions?api-version=2026-01-01", "openai_chat"),
        ("/v1/messages", "anthropic_messages"),
        ("/v1/messages/count_tokens", None),
        ("/v1/messages/batches", "anthropic_batches"),
        ("/v1/messages/batches/msgbatch_1/results", "anthropic_batches"),
        ("/v1/batches/batch_1", "openai_batches"),
        ("/v1beta/batches/9k2", "gemini_operations"),
        ("/v1beta/models/veo-3:predictLongRunning", "gemini_operations"),
        ("/v1beta/models/veo-3/operations/7", "gemini_operations"),
        ("/v1beta/models/gemini-3-pro:streamGenerateContent?alt=sse", "gemini"),
        ("/v1beta/models/gemini-3-pro:countTokens", None),
        ("/v1/models", None),
        ("/api/chat", "ollama"),
        ("/v2/chat", "cohere"),
        ("/model/us.anthropic.claude-x-v1:0/invoke-with-response-stream", "anthropic_messages"),
        ("/model/amazon.nova-pro-v1:0/converse-stream", "bedrock_converse"),
        ("/v1/projects/p/locations/l/publishers/anthropic/models/claude-x:streamRawPredict", "anthropic_messages"),
        ("/v1/images/generations", "openai_images"),
        ("/v1/audio/transcriptions", "openai_audio"),
        ("", None),
    ],
)
def test_an_endpoint_tells_its_format(path: str, dialect: str | None) -> None:
    """Known by how the path ends; token counting carries no generation."""
    assert from_path(path) == dialect
