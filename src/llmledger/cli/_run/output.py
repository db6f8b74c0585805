"""What `run` shows: the answer as it comes, one dim line at its end, or one JSON object."""

from typing import TYPE_CHECKING

from llmledger.cli._context import surroundings
from llmledger.cli._render import envelope, note, out
from llmledger.core.money import money_text, usd_text
from llmledger.core.request import Finished, id_text
from llmledger.core.words import CostSource, Status, UsageQuality

if TYPE_CHECKING:
    from llmledger.operations.run_prompt import Answer
    from llmledger.upstream.http import Wait

SHORT_ID = 8
"""Digits of a request id that people see; `log show` finds a request by them."""


class TextStream:
    """Writes pieces of an answer to stdout as they come, and ends the last line."""

    def __init__(self) -> None:
        self._last = ""

    def write(self, text: str) -> None:
        """Show a piece at once. Raises BrokenPipeError when the reader went away."""
        out(text, end="")
        surroundings().stdout.flush()
        self._last = text or self._last

    def end(self) -> None:
        """End the line, if the answer did not."""
        if self._last and not self._last.endswith("\n"):
            self.write("\n")


def tell_wait(wait: "Wait") -> None:
    """Say why nothing happens for a while."""
    why = f"HTTP {wait.status}" if wait.status is not None else "no connection"
    note(f"{why}; trying again in {wait.seconds:g} s (attempt {wait.attempt + 1})", style_name="dim")


def summary_line(finished: Finished) -> str:
    """One line about a request: `812 in (640 cached) · 96 out · 1.9 s · $0.0031 · req 3f2a9c1b`."""
    usage = finished.usage
    mark = "~" if finished.usage_quality in (UsageQuality.ESTIMATED, UsageQuality.PARTIAL) else ""
    told = [f"{mark}{usage.input_tokens:,} in" if usage.input_tokens is not None else "? in"]
    if usage.cache_read_tokens:
        told[0] += f" ({usage.cache_read_tokens:,} cached)"
    told.append(f"{mark}{usage.output_tokens:,} out" if usage.output_tokens is not None else "? out")
    if finished.latency_ms is not None:
        told.append(f"{finished.latency_ms / 1000:.1f} s")
    told.append(_cost(finished, mark))
    if finished.attempts > 1:
        told.append(f"{finished.attempts} attempts")
    if finished.finish_reason in ("length", "max_tokens", "max_output_tokens"):
        told.append("cut at the output limit")
    if finished.status is not Status.COMPLETED:
        told.append(finished.status.value)
    return " · ".join([*told, f"req {id_text(finished.begun.request_id)[-SHORT_ID:]}"])


def _cost(finished: Finished, mark: str) -> str:
    charged = finished.charged
    if charged.cost_nanousd is None:
        return "— (no price)"
    if charged.cost_source is CostSource.NOT_BILLED:
        return "$0 (not billed)"
    return f"{mark if charged.cost_nanousd else ''}{money_text(charged.cost_nanousd)}"


def answer_json(answer: "Answer") -> str:
    """One JSON object about a request and its answer."""
    finished = answer.finished
    begun, usage = finished.begun, finished.usage
    return envelope(
        "llmledger.run/1",
        {
            "request_id": id_text(begun.request_id),
            "model": f"{begun.provider}/{begun.model}",
            "served_model": finished.served_model,
            "dialect": begun.dialect,
            "status": finished.status,
            "finish_reason": finished.finish_reason,
            "text": answer.text,
            "usage": {**usage.told(), "quality": finished.usage_quality},
            "cost_usd": usd_text(finished.charged.cost_nanousd),
            "cost_source": finished.charged.cost_source,
            "latency_ms": finished.latency_ms,
            "first_token_ms": finished.first_token_ms,
            "attempts": finished.attempts,
            "error": finished.error_message,
        },
    )
