"""How commands speak: colour, width, tables, JSON, and a progress bar that only terminals see."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from tests.support.builders import NOON

from llmledger.cli import _render
from llmledger.cli._context import Surroundings, choose_color, inside
from llmledger.cli._render import Column
from llmledger.errors import UsageError


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@contextmanager
def world(terminal: bool = False, **environ: str) -> Iterator[io.StringIO]:
    """Surroundings whose only streams are a text in memory."""
    stream = Terminal() if terminal else io.StringIO()

    class Given(Surroundings):
        stdout = stderr = stream  # type: ignore[assignment]

    with inside(Given(environ=environ, now=lambda: NOON)):
        yield stream


@pytest.mark.parametrize(
    ("terminal", "environ", "choice", "colored"),
    [
        (True, {}, "auto", True),
        (False, {}, "auto", False),
        (True, {"NO_COLOR": "1"}, "auto", False),
        (True, {"NO_COLOR": ""}, "auto", True),
        (False, {"FORCE_COLOR": "1"}, "auto", True),
        (False, {"FORCE_COLOR": "0"}, "auto", False),
        (True, {"TERM": "dumb"}, "auto", False),
        (True, {"NO_COLOR": "1"}, "always", True),
        (True, {"FORCE_COLOR": "1"}, "never", False),
    ],
)
def test_colour_is_as_the_user_wants_it(terminal: bool, environ: dict[str, str], choice: str, colored: bool) -> None:
    """`--color` wins over NO_COLOR, that over FORCE_COLOR, that over the terminal."""
    with world(terminal, **environ):
        choose_color(choice)

        assert ("\x1b[1m" in _render.paint("x", "bold")) is colored


def test_an_unknown_colour_is_refused() -> None:
    """With the three that there are."""
    with pytest.raises(UsageError, match="'sometimes' is unknown"):
        choose_color("sometimes")


@pytest.mark.parametrize(("environ", "columns"), [({"COLUMNS": "60"}, 60), ({}, 100), ({"COLUMNS": "wide"}, 100)])
def test_a_pipe_has_a_hundred_columns(environ: dict[str, str], columns: int) -> None:
    """Unless COLUMNS says otherwise."""
    with world(**environ):
        assert _render.width() == columns


COLUMNS = (
    Column("Model", shrinks=True),
    Column("Input", right=True),
    Column("Note", priority=2),
    Column("Cost", right=True, priority=1),
)
ROWS = [
    ("openai/gpt-5-mini-with-a-very-long-name", "1,204,300", "cached", "$0.408"),
    ("ollama/qwen3:8b", "12", "", "$0"),
]


@pytest.mark.parametrize(
    ("limit", "head"),
    [(100, "Model Input Note Cost"), (60, "Model Input Cost"), (50, "Model Input"), (30, "Model Input")],
)
def test_a_narrow_table_drops_columns_by_priority(limit: int, head: str) -> None:
    """And then shortens names, never numbers."""
    with world():
        text = _render.table(COLUMNS, ROWS, limit=limit)

    assert text.splitlines()[0].split() == head.split()
    assert max(len(line) for line in text.splitlines()) <= limit
    assert "1,204,300" in text


def test_wide_characters_count_twice() -> None:
    """Chinese names do not push columns away."""
    with world():
        lines = _render.table((Column("Name"), Column("N", right=True)), [("模型", "1"), ("abcd", "2")]).splitlines()

    assert lines[2:] == ["模型  1", "abcd  2"]


def test_an_envelope_names_its_schema_and_its_time() -> None:
    """Decimals are texts, so that no reader makes floats of them; times end in Z."""

    class Kind(StrEnum):
        ONE = "one"

    with world():
        text = _render.envelope(
            "llmledger.test/1", {"usd": Decimal("1E-9"), "day": date(2026, 1, 2), "kind": Kind.ONE, "id": b"\x01"}
        )

    assert json.loads(text) == {
        "schema": "llmledger.test/1",
        "generated_at": "2026-11-21T12:00:00Z",
        "usd": "0.000000001",
        "day": "2026-01-02",
        "kind": "one",
        "id": "01",
    }


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_what_has_no_json_form_is_an_error(value: Any) -> None:
    """NaN is no JSON."""
    with world(), pytest.raises((TypeError, ValueError)):
        _render.json_text({"value": value})


def test_times_of_other_zones_keep_their_offset() -> None:
    """Only UTC is written with a Z."""
    assert json.loads(_render.json_text(datetime(2026, 1, 1, tzinfo=UTC))) == "2026-01-01T00:00:00Z"


def test_progress_is_for_terminals() -> None:
    """It is wiped at the end, and a pipe sees nothing of it."""
    with world(terminal=True) as stream, _render.progress("Reading", 4) as bar:
        bar.advance(2)
        bar.advance(0)
    assert stream.getvalue() == "\r\x1b[KReading ██████████░░░░░░░░░░ 50%\r\x1b[K"

    with world(terminal=False) as stream, _render.progress("Reading") as bar:
        bar.advance(2)
    assert stream.getvalue() == ""


def test_progress_without_an_end_counts() -> None:
    """With thousands marked."""
    with world(terminal=True) as stream, _render.progress("Reading") as bar:
        bar.advance(1234)

    assert "Reading 1,234" in stream.getvalue()


def test_notes_and_warnings_go_to_stderr_in_their_colour() -> None:
    """Plain where there is none."""
    with world(terminal=True) as stream:
        _render.warn("old prices")
    assert stream.getvalue() == "\x1b[33mwarning: old prices\x1b[0m\n"

    with world() as stream:
        assert not _render.confirm_dry_run(False, "delete")
        assert _render.confirm_dry_run(True, "delete")
    assert stream.getvalue() == "Nothing was changed: this is a dry run. Give --yes to delete.\n"


def test_an_odd_locale_costs_a_character_and_not_the_command() -> None:
    """Lone surrogates, and encodings that lack a sign."""
    raw = io.BytesIO()
    narrow = io.TextIOWrapper(raw, encoding="ascii")

    assert _render._encodable("a—b", narrow) == "a?b"
    assert _render._encodable("a\ud800b", io.TextIOWrapper(raw, encoding="utf-8")) == "a?b"
