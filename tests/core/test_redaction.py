"""Keys and prompt text never survive in what is kept of an error."""

import pytest

from llmledger.core.redaction import MESSAGE_BOUND, fingerprint, redact


@pytest.mark.parametrize(
    "message",
    [
        "Incorrect API key provided: sk-proj-CANARY1234567890. You can find your key",
        "bad header Authorization: Bearer CANARY0123456789abcdef",
        "GET https://host/v1?key=CANARY1234567890abcdef failed",
        '{"api_key": "CANARY1234567890"}',
        "x-api-key=CANARY1234567890abc",
        "AIzaSyCANARY1234567890abcdefghijk was refused",
        "jwt eyJCANARY.abcdefghijklmnop.qrstuvwxyz",
    ],
)
def test_what_looks_like_a_key_is_removed(message: str) -> None:
    """Nobody needs to name a key for it to go."""
    assert "CANARY" not in redact(message)
    assert "[…]" in redact(message)


def test_a_named_secret_is_removed_whatever_it_looks_like() -> None:
    """A password of words is no pattern, but it was named."""
    assert redact("user said correcthorse", secrets=["correcthorse", ""]) == "user said […]"


def test_an_echo_of_the_prompt_is_removed() -> None:
    """Providers quote the offending text; the ledger keeps the rest."""
    prompt = "Dear diary,\n today I met somebody whose name I will not tell"

    kept = redact('cannot parse "today I met somebody whose name" at 12', private=[prompt])

    assert kept == 'cannot parse "[…]" at 12'


def test_short_prompts_are_removed_whole() -> None:
    """Half a dozen characters are a word of the error as well; eight and more are an echo."""
    assert redact("bad: open sesame", private=["open sesame"]) == "bad: […]"
    assert redact("bad: hi", private=["hi"]) == "bad: hi"


def test_ordinary_words_stay() -> None:
    """An error must still tell what went wrong."""
    for message in ("The token count 128000 exceeds 100000", "model not found: claude-sonnet-4-5-20250929"):
        assert redact(message) == message


def test_a_message_is_one_bounded_line() -> None:
    """A 12 MB error page does not become a row of 12 MB."""
    kept = redact("word\n" * 100_000)

    assert len(kept) == MESSAGE_BOUND
    assert "\n" not in kept


def test_a_fingerprint_tells_keys_apart_without_holding_them() -> None:
    """Keyed by the ledger, with the last four characters; short keys give none away."""
    key = "sk-test-0123456789abcd"

    mark = fingerprint(key, ledger_id="one")

    assert mark.endswith("…abcd")
    assert mark == fingerprint(key, ledger_id="one")
    assert mark != fingerprint(key, ledger_id="two")
    assert mark != fingerprint("sk-test-9999999999abcd", ledger_id="one")
    assert "…" not in fingerprint("short", ledger_id="one")
