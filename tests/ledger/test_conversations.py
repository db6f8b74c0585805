"""Kept texts: the last conversation, in order, with its system prompt."""

from pathlib import Path

from tests.support.builders import NOON, a_begun, a_finished

from llmledger.core.request import Attribution
from llmledger.ledger import open_ledger, open_reader
from llmledger.ledger.conversations import Conversation, last_conversation, prompt_text


def keep(path: Path, prompt: str, answer: str | None, *, session: str | None = None, source: str = "run") -> None:
    """Record a request and keep its text."""
    begun = a_begun(source=source, attribution=Attribution(session=session))
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.record(a_finished(begun))
        ledger.store_content(begun.request_id, NOON, prompt=prompt, response=answer)


def last(path: Path, session: str | None = None) -> Conversation | None:
    with open_reader(path) as reader:
        return last_conversation(reader, session)


def test_a_ledger_without_kept_texts_has_no_conversation(tmp_path: Path) -> None:
    """Rows alone are none."""
    path = tmp_path / "ledger.db"
    with open_ledger(path, now=lambda: NOON) as ledger:
        ledger.record(a_finished())

    assert last(path) is None


def test_the_turns_of_the_last_session_come_in_order(tmp_path: Path) -> None:
    """Other sessions, unanswered prompts and other sources stay out."""
    path = tmp_path / "ledger.db"
    keep(path, prompt_text("one", "Be brief."), "first", session="a")
    keep(path, prompt_text("else", None), "other", session="b")
    keep(path, prompt_text("two", None), "second", session="a")
    keep(path, prompt_text("cut off", None), None, session="a")
    keep(path, '{"model": "x"}', "{}", session="c", source="proxy")

    found = last(path)

    assert found == Conversation(
        session="a",
        provider="openai",
        model="gpt-5-mini",
        system="Be brief.",
        turns=(("one", "first"), ("two", "second")),
    )
    assert found.name == "openai/gpt-5-mini"
    assert found.messages[:2] == (("user", "one"), ("assistant", "first"))
    named = last(path, "b")
    assert named is not None
    assert named.turns == (("else", "other"),)
    assert last(path, "none") is None


def test_a_text_without_a_session_is_a_conversation_of_its_own(tmp_path: Path) -> None:
    """And a text that others kept as plain words is read as the prompt."""
    path = tmp_path / "ledger.db"
    for text in ("plain words", "[1]"):
        keep(path, text, "answer")

        found = last(path)

        assert found is not None
        assert (found.session, found.turns) == (None, ((text, "answer"),))
