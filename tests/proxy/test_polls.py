"""Responses that are made after their request ended: polls make no row, and the first that tells the end corrects one."""

import gzip
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.proxy import RunningProxy, until
from tests.support.upstream import Answer, HangUp, Upstream, json_answer, stream_answer

FIXTURES = Path(__file__).parents[1] / "fixtures" / "dialects"
RESPONSES = "/openai/v1/responses"
END = {
    "id": "resp_bg1",
    "object": "response",
    "status": "completed",
    "model": "gpt-5",
    "output": [],
    "usage": {
        "input_tokens": 3000,
        "input_tokens_details": {"cached_tokens": 1000},
        "output_tokens": 700,
        "output_tokens_details": {"reasoning_tokens": 500},
        "total_tokens": 3700,
    },
}
QUEUED = END | {"status": "queued", "usage": None}


def corrections(proxy: RunningProxy) -> list[tuple[str, int]]:
    """How often each kind of correction was booked."""
    with closing(sqlite3.connect(proxy.ledger.path)) as connection:
        return connection.execute("SELECT kind, count(*) FROM adjustments GROUP BY kind ORDER BY kind").fetchall()


def settled(proxy: RunningProxy) -> dict[str, Any]:
    """The only row, once a poll has corrected it."""
    until(lambda: corrections(proxy) != [])
    (row,) = proxy.rows()
    return row


def test_a_background_response_is_charged_once_however_often_it_is_polled(
    proxy: RunningProxy, upstream: Upstream
) -> None:
    """litellm#25015: n polls, one charge, at the price of the day it was asked for; each poll passes as it came."""
    upstream.answers(json_answer(QUEUED), json_answer(QUEUED | {"status": "in_progress"}), json_answer(END))
    asked = httpx.post(proxy.url + RESPONSES, json={"model": "gpt-5", "input": "x" * 400, "background": True})
    (row,) = proxy.rows()
    assert (asked.json(), row["usage_quality"]) == (QUEUED, "estimated")

    polls = [httpx.get(f"{proxy.url}{RESPONSES}/resp_bg1").json() for _ in range(12)]

    assert [poll["status"] for poll in polls] == ["in_progress"] + ["completed"] * 11
    row = settled(proxy)
    # 2,000 fresh at $1.25, 1,000 cached at $0.125 and 700 out at $10 per 1M: 2,500 + 125 + 7,000 millionths.
    assert (row["status"], row["cost_usd"], row["usage_quality"]) == ("completed", "0.009625", "exact")
    assert (row["input_tokens"], row["cache_read_tokens"], row["output_tokens"]) == (3000, 1000, 700)
    httpx.get(f"{proxy.url}{RESPONSES}/resp_bg1")
    assert corrections(proxy) == [("late", 1), ("reversal", 1)]
    assert len(proxy.rows()) == 1


def test_polling_what_is_charged_already_changes_nothing(proxy: RunningProxy, upstream: Upstream) -> None:
    """A response that came whole, fetched again; and one that nobody asked for through here."""
    upstream.answers(json_answer(END), json_answer(END), json_answer(END | {"id": "resp_other"}), json_answer(QUEUED))
    httpx.post(proxy.url + RESPONSES, json={"model": "gpt-5", "input": "x"})
    before = proxy.rows()

    httpx.get(f"{proxy.url}{RESPONSES}/resp_bg1")
    httpx.get(f"{proxy.url}{RESPONSES}/resp_other")
    httpx.post(proxy.url + RESPONSES, json={"model": "gpt-5", "input": "x"})
    (_, queued) = proxy.rows(2)

    assert proxy.rows()[0] == before[0]
    assert (corrections(proxy), queued["usage_quality"]) == ([], "estimated")


def test_a_stream_that_broke_off_is_completed_by_a_poll(proxy: RunningProxy, upstream: Upstream) -> None:
    """The id was in its first event; what the provider bills stands in the poll, here streamed again from its start."""
    data = (FIXTURES / "openai_responses/streamed.sse").read_bytes()
    upstream.answers(stream_answer([data[: data.index(b"cents") - 20], HangUp()]), stream_answer([data]))
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(proxy.url + RESPONSES, json={"model": "gpt-5", "input": "x", "stream": True})
    (broken,) = proxy.rows()
    assert (broken["status"], broken["error_type"]) == ("failed", "upstream_broke_off")

    assert httpx.get(f"{proxy.url}{RESPONSES}/{broken['provider_request_id']}?stream=true").content == data

    row = settled(proxy)
    assert (row["status"], row["error_type"], row["usage_quality"]) == ("completed", None, "exact")
    assert (row["input_tokens"], row["output_tokens"]) == (3000, 700)


SONNET = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "What does it cost?"}],
}
JOBS = {
    # 3,000 fresh at $0.625, 1,000 cached at $0.0625, 1,400 out at $5 per 1M: 1,875 + 62.5 + 7,000 millionths.
    "openai_batches": (
        ("/openai/v1/batches", {"input_file_id": "file-1", "endpoint": "/v1/chat/completions"}, "running.json"),
        ("/openai/v1/batches/batch_68f1", "plain.json"),
        ("completed", "gpt-5-2025-08-07", "0.0089375"),
    ),
    "openai_batches, failed": (
        ("/openai/v1/batches", {"input_file_id": "file-1", "endpoint": "/v1/chat/completions"}, "running.json"),
        ("/openai/v1/batches/batch_68f1", "failed.json"),
        ("failed", "", "0"),
    ),
    # 425 fresh at $1.50, 75 read at $0.15, 200 written at $1.875, 100 out at $7.50: 637.5 + 11.25 + 375 + 750.
    "anthropic_batches": (
        ("/anthropic/v1/messages/batches", {"requests": [{"custom_id": "r1", "params": SONNET}]}, "plain.json"),
        ("/anthropic/v1/messages/batches/msgbatch_013Z/results", "results.jsonl"),
        ("completed", "claude-sonnet-4-5", "0.00177375"),
    ),
    "anthropic_batches, ended for nothing": (
        ("/anthropic/v1/messages/batches", {"requests": [{"custom_id": "r1", "params": SONNET}]}, "plain.json"),
        ("/anthropic/v1/messages/batches/msgbatch_013Z", "ended_for_nothing.json"),
        ("completed", "claude-sonnet-4-5", "0"),
    ),
    # 1,050 in at $0.15, 360 out at $1.25: 157.5 + 450.
    "gemini_operations": (
        ("/gemini/v1beta/models/gemini-2.5-flash:batchGenerateContent", {"batch": {}}, "running.json"),
        ("/gemini/v1beta/batches/9k2", "plain.json"),
        ("completed", "gemini-2.5-flash", "0.0006075"),
    ),
    # Two videos of 6 s at $0.40 a second.
    "gemini_operations, videos": (
        (
            "/gemini/v1beta/models/veo-3.1-generate-preview:predictLongRunning",
            {"instances": [{"prompt": "x"}], "parameters": {"durationSeconds": "6", "sampleCount": 2}},
            {"name": "models/veo-3.1-generate-preview/operations/7abc"},
        ),
        ("/gemini/v1beta/models/veo-3.1-generate-preview/operations/7abc", "video.json"),
        ("completed", "veo-3.1-generate-preview", "4.8"),
    ),
    "gemini_operations, no video": (
        (
            "/gemini/v1beta/models/veo-3.1-generate-preview:predictLongRunning",
            {"instances": [{"prompt": "x"}]},
            {"name": "models/veo-3.1-generate-preview/operations/7abc"},
        ),
        ("/gemini/v1beta/models/veo-3.1-generate-preview/operations/7abc", "video_filtered.json"),
        ("completed", "veo-3.1-generate-preview", "0"),
    ),
}


@pytest.mark.parametrize("job", JOBS)
def test_a_job_is_charged_once_when_a_poll_tells_what_it_used(
    proxy: RunningProxy, upstream: Upstream, job: str
) -> None:
    """Batches and videos: nothing for creating them or asking how they are, the whole once they have ended."""
    (path, body, created), (poll, end), (status, model, cost) = JOBS[job]
    folder = FIXTURES / job.partition(",")[0]
    begun = json.dumps(created).encode() if isinstance(created, dict) else (folder / created).read_bytes()
    kind = {"content-type": "application/json"}
    upstream.answers(*[Answer(200, kind, (data,)) for data in (begun, begun, (folder / end).read_bytes())])

    httpx.post(proxy.url + path, json=body)
    (row,) = proxy.rows()
    assert row["usage_quality"] != "exact"
    for _ in range(5):
        httpx.get(proxy.url + poll)

    row = settled(proxy)
    assert (row["status"], row["model"], row["cost_usd"], row["usage_quality"]) == (status, model, cost, "exact")
    assert (corrections(proxy), len(proxy.rows())) == ([("late", 1), ("reversal", 1)], 1)


def test_results_that_break_off_are_not_taken_for_the_whole(proxy: RunningProxy, upstream: Upstream) -> None:
    """The lines that came are no bill; the next download is."""
    lines = (FIXTURES / "anthropic_batches" / "results.jsonl").read_bytes()
    created = (FIXTURES / "anthropic_batches" / "plain.json").read_bytes()
    upstream.answers(
        Answer(200, {"content-type": "application/json"}, (created,)),
        stream_answer([lines[:600], HangUp()]),
        stream_answer([lines]),
    )
    httpx.post(proxy.url + "/anthropic/v1/messages/batches", json={"requests": []})
    results = proxy.url + "/anthropic/v1/messages/batches/msgbatch_013Z/results"

    with pytest.raises(httpx.RemoteProtocolError):
        httpx.get(results)
    assert httpx.get(results).content == lines

    assert (settled(proxy)["input_tokens"], corrections(proxy)) == (700, [("late", 1), ("reversal", 1)])


def test_a_compressed_poll_is_read_and_passes_untouched(proxy: RunningProxy, upstream: Upstream) -> None:
    """Only our copy is unpacked."""
    packed = gzip.compress(json.dumps(END).encode())
    upstream.answers(
        json_answer(QUEUED), Answer(200, {"content-type": "application/json", "content-encoding": "gzip"}, (packed,))
    )
    httpx.post(proxy.url + RESPONSES, json={"model": "gpt-5", "input": "x", "background": True})

    with httpx.stream("GET", f"{proxy.url}{RESPONSES}/resp_bg1") as poll:
        assert b"".join(poll.iter_raw()) == packed
    assert settled(proxy)["output_tokens"] == 700


def test_a_cancelled_background_response_keeps_what_it_used(proxy: RunningProxy, upstream: Upstream) -> None:
    """Cancelling is no request of its own; what had been made by then is told by its answer."""
    upstream.answers(json_answer(QUEUED), json_answer(END | {"status": "cancelled"}))
    httpx.post(proxy.url + RESPONSES, json={"model": "gpt-5", "input": "x", "background": True})

    httpx.post(f"{proxy.url}{RESPONSES}/resp_bg1/cancel")

    row = settled(proxy)
    assert (row["output_tokens"], row["finish_reason"]) == (700, "cancelled")


def test_the_end_that_a_poll_told_waits_for_a_locked_ledger(proxy: RunningProxy, upstream: Upstream) -> None:
    """The poll is served at once; the correction is written when the ledger can be."""
    upstream.answers(json_answer(QUEUED), json_answer(END))
    httpx.post(proxy.url + RESPONSES, json={"model": "gpt-5", "input": "x", "background": True})
    proxy.rows()
    with closing(sqlite3.connect(proxy.ledger.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert httpx.get(f"{proxy.url}{RESPONSES}/resp_bg1").json() == END
        until(lambda: proxy.ledger.state().trouble is not None)
        other.execute("ROLLBACK")

    assert settled(proxy)["output_tokens"] == 700
    assert proxy.troubles == []
