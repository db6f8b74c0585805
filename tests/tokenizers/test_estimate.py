"""Token estimates are close where they can be, and say how far off they may be."""

from importlib.util import find_spec

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.tokenizers import estimate_tokens
from llmledger.tokenizers._estimate import o200k_heuristic
from llmledger.tokenizers._vocabulary import encoding_of

PROSE = (
    "The ledger keeps one row for every request that went upstream. A row names the price that was in force when the "
    "request started, so that a bill of last year can be explained today, and nothing that was written is written over. "
)


@given(
    st.text(alphabet=st.characters()),
    st.sampled_from(["gpt-5", "claude-sonnet-4-5", "gemini-3-pro", ""]),
)
def test_any_text_has_an_estimate(text: str, model: str) -> None:
    """Lone surrogates, control characters and empty texts are counted like any other."""
    estimate = estimate_tokens(text, provider="x", model=model)

    assert estimate.tokens >= 0
    assert 0 < estimate.error_fraction < 1
    assert bool(text) == (estimate.tokens > 0)


def test_the_heuristic_weighs_words_letters_digits_and_signs() -> None:
    """`abc 12, 好é`: 1 word, 3 letters, 2 digits, 1 sign, 1 CJK, 1 other = 1.05 + .09 + 1.14 + .65 + .71 + .26."""
    assert o200k_heuristic("abc 12, 好é") == pytest.approx(3.90)


def test_claude_text_is_counted_higher_than_the_same_text_for_gpt() -> None:
    """One ratio is never shared across vendors."""
    claude = estimate_tokens(PROSE, provider="anthropic", model="claude-sonnet-4-5")

    assert claude.method == "heuristic"
    assert claude.tokens > 1.3 * o200k_heuristic(PROSE)
    assert claude.error_fraction > 0.3


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4.1", "o200k_base"),
        ("openai/gpt-5-mini", "o200k_base"),
        ("o3-mini", "o200k_base"),
        ("text-embedding-3-small", "cl100k_base"),
        ("ft:gpt-4o-mini:acme::1", "o200k_base"),
        ("mixtral-8x7b", None),
        ("claude-sonnet-4-5", None),
    ],
)
def test_a_models_encoding_is_known_from_its_name(model: str, encoding: str | None) -> None:
    """Only models of vendors that publish their encoding have one."""
    assert encoding_of(model) == encoding


@pytest.mark.skipif(find_spec("bpe_openai") is None, reason="bpe-openai is optional")
def test_an_installed_tokenizer_counts_exactly() -> None:
    """With `bpe_openai` in place "hello world" is two tokens of o200k, and four for the message around it."""
    estimate = estimate_tokens("hello world", provider="openai", model="gpt-5")

    assert (estimate.tokens, estimate.method) == (6, "o200k_base")


def test_the_heuristic_is_near_the_exact_count_of_prose() -> None:
    """The text above is 48 tokens of o200k; the heuristic stays within an eighth."""
    assert o200k_heuristic(PROSE) == pytest.approx(48, rel=0.125)
