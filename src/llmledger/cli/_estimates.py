"""Estimates as people and programs read them: models side by side."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from llmledger.cli._render import Column, envelope, note, out, table
from llmledger.core.money import money_text, usd_text
from llmledger.core.words import Outcome

if TYPE_CHECKING:
    from llmledger.operations.estimate import ModelEstimate, Question

DEFAULT_OUTPUT = 1000
"""Output tokens that an estimate allows for when nobody names a limit."""

COLUMNS = (
    Column("Model", shrinks=True),
    Column("Tokens in", right=True),
    Column("±", right=True, priority=2),
    Column("Counted by", priority=3),
    Column("Low", right=True),
    Column("High", right=True),
)


def show(estimates: "Sequence[ModelEstimate]", question: "Question", *, json: bool) -> None:
    """Show estimates as a table, or as one JSON object."""
    if json:
        payload = {"max_output_tokens": question.max_output_tokens, "rows": [_object(one) for one in estimates]}
        out(envelope("llmledger.estimate/1", payload))
        return
    out(table(COLUMNS, [_cells(one) for one in estimates]))
    out(f"Low: the input alone. High: with {question.max_output_tokens:,} tokens of output (--max-tokens).")
    for line in _notes(estimates):
        note(line, style_name="dim")


def _cells(one: "ModelEstimate") -> list[str]:
    error = round(one.tokens.error_fraction * 100)
    return [
        str(one.name),
        f"~{one.tokens.tokens:,}",
        f"{error}%",
        one.tokens.method,
        money_text(one.low_nanousd),
        money_text(one.high_nanousd),
    ]


def _notes(estimates: "Sequence[ModelEstimate]") -> Iterator[str]:
    for one in estimates:
        if one.outcome is Outcome.UNPRICED:
            yield f"— {one.name} has no price. Set one: llmledger pricing set {one.name} --input USD --output USD"


def _object(one: "ModelEstimate") -> dict[str, object]:
    return {
        "model": str(one.name),
        "input_tokens": one.tokens.tokens,
        "input_tokens_low": one.input_low,
        "input_tokens_high": one.input_high,
        "counted_by": one.tokens.method,
        "outcome": one.outcome,
        "cost_low_usd": usd_text(one.low_nanousd),
        "cost_high_usd": usd_text(one.high_nanousd),
        "rate_id": one.rate_id,
        "reason": one.reason,
    }
