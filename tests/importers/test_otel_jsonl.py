"""OpenTelemetry: one record of each call, whatever encoding it came in."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.import_cases import FIXTURES, told

from llmledger.importers import otel_jsonl
from llmledger.importers._contract import Checkpoint, Imported, LogFile

FOLDER = FIXTURES / "otel_jsonl"


def requests(case: str) -> list[dict[str, Any]]:
    """The requests of a recorded file."""
    found: list[dict[str, Any]] = told("otel_jsonl", FOLDER / case)["requests"]
    return found


def test_an_agents_summary_counts_only_when_its_trace_has_no_call() -> None:
    """The first trace has a call, the second a summary alone."""
    assert [request["key"] for request in requests("spans.jsonl")] == [
        "otel:chatcmpl-otel0000000001",
        "otel:t2:s4",
        "otel:t3:s5",
    ]


def test_a_summary_is_left_out_in_a_later_run_too(tmp_path: Path) -> None:
    """The traces of calls are remembered."""
    lines = (FOLDER / "spans.jsonl").read_text().splitlines(keepends=True)
    log = tmp_path / "spans.jsonl"
    log.write_text(lines[0])
    mark = next(item for item in otel_jsonl.read(LogFile(log)) if isinstance(item, Checkpoint))
    log.write_text("".join(lines[:3]))
    rest = list(otel_jsonl.read(LogFile(log, mark.offset, mark.state)))

    assert not [item for item in rest if isinstance(item, Imported)]


def test_a_cache_larger_than_its_input_was_left_out_of_it() -> None:
    """A named rule, kept in the row."""
    found = requests("spans.jsonl")[2]

    assert (found["counts"]["input_tokens"], found["flags"]) == (100, ["input_excluded_cache"])


def test_otlp_is_read_with_its_resource_and_status() -> None:
    """Values are typed, times are nanoseconds."""
    (request,) = requests("otlp.jsonl")

    assert (request["app"], request["status"], request["latency_ms"]) == ("myapp", "failed", 2500)


def test_claude_codes_own_events_leave_the_cache_out() -> None:
    """10 + 300 + 40; its cost is an estimate and is not taken."""
    (request,) = requests("claude_events.jsonl")

    assert request["counts"]["input_tokens"] == 350
    assert "reported_usd" not in request


def test_copilots_own_files_are_a_plan(home: Path) -> None:
    """Its spans are found where it writes them."""
    log = home / ".copilot" / "otel" / "a.jsonl"
    log.parent.mkdir(parents=True)
    log.write_text((FOLDER / "spans.jsonl").read_text())

    assert log.parent in [place.root for place in otel_jsonl.find(home, {})]
    assert told("otel_jsonl", log)["requests"][0]["billing"] == "subscription"
    named = otel_jsonl.find(home, {"COPILOT_OTEL_FILE_EXPORTER_PATH": "/c/x.jsonl"})
    assert Path("/c") in [place.root for place in named]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1792490000, 500_000_000], datetime(2026, 10, 20, 9, 53, 20, 500_000, UTC)),
        ("1792490000500000000", datetime(2026, 10, 20, 9, 53, 20, 500_000, UTC)),
        ("2026-10-20T09:53:20.500Z", datetime(2026, 10, 20, 9, 53, 20, 500_000, UTC)),
        (1792490000.5, datetime(2026, 10, 20, 9, 53, 20, 500_000, UTC)),
        (None, None),
    ],
)
def test_times_come_in_four_forms(value: object, expected: datetime | None) -> None:
    """Pairs, nanoseconds, ISO text, seconds."""
    assert expected == otel_jsonl._time(value)


@pytest.mark.parametrize(
    ("attributes", "provider"),
    [
        ('"gen_ai.provider.name":"gcp.gemini"', "gemini"),
        ('"gen_ai.system":"_OTHER"', "_other"),
        ('"gen_ai.system":"ollama"', "ollama"),
        ('"gen_ai.request.model":"grok-4"', "xai"),
    ],
)
def test_who_answered_is_named_or_told_by_the_model(attributes: str, provider: str, tmp_path: Path) -> None:
    """The conventions' names differ from ours for some."""
    log = tmp_path / "x.jsonl"
    log.write_text(
        '{"name":"chat","context":{"trace_id":"t","span_id":"s"},"start_time":"2026-10-20T09:00:00Z","attributes":'
        '{"gen_ai.usage.input_tokens":3,"gen_ai.response.finish_reasons":["stop"],' + attributes + "}}\n"
    )

    assert provider == told("otel_jsonl", log)["requests"][0]["provider"]


def test_a_call_without_any_time_is_a_problem(tmp_path: Path) -> None:
    """It cannot be put on a day."""
    log = tmp_path / "x.jsonl"
    log.write_text('{"name":"chat","attributes":{"gen_ai.usage.input_tokens":3}}\n')

    assert told("otel_jsonl", log)["problems"] == [[0, "no time"]]


def test_values_of_other_types_are_no_text() -> None:
    """OTLP has arrays and bytes too."""
    assert otel_jsonl._plain({"arrayValue": {}}) is None
