"""Reading filters and groupings: lists, globs, near matches."""

import pytest

from llmledger.core.selection import (
    Selection,
    is_failed,
    is_tag,
    needs_rows,
    parse_by,
    parse_choices,
    parse_tags,
    split_values,
)
from llmledger.errors import UsageError


def test_values_may_be_repeated_or_comma_lists() -> None:
    """An empty value stands for requests that have none; doubles count once."""
    assert split_values(["a, b", "c", "a", ""]) == ("a", "b", "c", "")
    assert parse_by(["model,day", "Tag:Env", "model"]) == ("model", "day", "tag:Env")
    assert parse_tags(["a=1,b=2", "c="]) == (("a", "1"), ("b", "2"), ("c", ""))


@pytest.mark.parametrize(
    ("text", "hint"), [("modle", "Did you mean model?"), ("qqq", "tag:KEY"), ("tag:", "tag:feature")]
)
def test_an_unknown_dimension_is_refused_with_what_was_meant(text: str, hint: str) -> None:
    """Near names, or the whole list."""
    with pytest.raises(UsageError) as refused:
        parse_by([text])

    assert refused.value.hint is not None and hint in refused.value.hint


@pytest.mark.parametrize(("text", "hint"), [("Faild", "Did you mean failed?"), ("zzz", "Use completed")])
def test_a_closed_set_refuses_other_values(text: str, hint: str) -> None:
    """In any case of letters."""
    with pytest.raises(UsageError) as refused:
        parse_choices("status", [text], ["completed", "failed"])

    assert refused.value.hint is not None and hint in refused.value.hint
    assert parse_choices("status", ["FAILED"], ["completed", "failed"]) == ("failed",)


@pytest.mark.parametrize("text", ["feature", "=x"])
def test_a_tag_without_a_key_or_a_value_is_refused(text: str) -> None:
    """It must be key=value."""
    with pytest.raises(UsageError, match="not a tag"):
        parse_tags([text])


@pytest.mark.parametrize(
    ("pattern", "provider", "model", "passes"),
    [
        ("gpt-5*", "openai", "gpt-5-mini", True),
        ("GPT-5*", "openai", "gpt-5-mini", True),
        ("gpt-5", "openai", "gpt-5-mini", False),
        ("openai/*", "openai", "gpt-5-mini", True),
        ("openai/*", "openrouter", "openai/gpt-5-mini", False),
        ("openrouter/openai/*", "openrouter", "openai/gpt-5-mini", True),
        ("*gpt-5-mini", "openrouter", "openai/gpt-5-mini", True),
        ("gpt-5-min[ij]", "openai", "gpt-5-mini", True),
    ],
)
def test_models_are_selected_by_globs(pattern: str, provider: str, model: str, passes: bool) -> None:
    """With a slash over provider/model, without one over the model's own name."""
    assert Selection(model=(pattern,)).takes_model(provider, model) is passes


def test_the_filters_that_were_given_are_named_in_json() -> None:
    """Nothing else is."""
    selection = Selection(user=("ada",), tag=(("env", "dev"),), unpriced=True)

    assert selection.json() == {"user": ["ada"], "tag": ["env=dev"], "unpriced": True}
    assert Selection().is_everything and not selection.is_everything
    assert selection.needs_rows and not Selection(user=("ada",)).needs_rows


def test_a_key_is_selected_by_the_end_of_its_fingerprint() -> None:
    """Nobody types the hash; an empty value selects what has no key."""
    assert Selection(key=("4f2a",)).takes_attribution("key", "ab12…4f2a")
    assert not Selection(key=("",)).takes_attribution("key", "ab12…4f2a")
    assert Selection(key=("",)).takes_attribution("key", None)
    assert Selection().takes_attribution("user", "ada")
    assert not Selection(user=("bob",)).takes_attribution("user", "ada")


def test_only_sessions_branches_and_tags_need_rows() -> None:
    """Everything else is in the roll-ups."""
    assert [needs_rows(name) for name in ("session", "branch", "tag", "tag:x", "model", "day")] == [True] * 4 + [
        False
    ] * 2
    assert is_tag("tag:x") and not is_tag("tag")


def test_a_requests_nature_is_selected() -> None:
    """How it ended, where it came from, who pays, whether it was estimated."""
    nature = {"status": "failed", "source": "import:llm", "billing": "api", "is_estimated": False}

    assert Selection().takes_trait(**nature)
    assert Selection(source=("import",), status=("failed",), billing=("api",)).takes_trait(**nature)
    assert Selection(source=("import:llm",)).takes_trait(**nature)
    for other in (
        Selection(source=("imp",)),
        Selection(status=("completed",)),
        Selection(billing=("local",)),
        Selection(estimated=True),
    ):
        assert not other.takes_trait(**nature)
    assert (is_failed("failed"), is_failed("interrupted"), is_failed("cancelled")) == (True, True, False)
