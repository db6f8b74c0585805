"""Keys: found in a variable, else in a file that nobody else may read; never shown."""

import stat
from pathlib import Path

import pytest

from llmledger.errors import ConfigError, UsageError
from llmledger.keys import FoundKey, find_key, is_private, read_keys, remove_key, store_key


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    """The first of the provider's variables that is set; a blank one is not set."""
    path = tmp_path / "keys.toml"
    store_key(path, "gemini", "sk-stored")

    found = find_key(
        "gemini", ("GEMINI_API_KEY", "GOOGLE_API_KEY"), {"GEMINI_API_KEY": " ", "GOOGLE_API_KEY": "g"}, path
    )
    assert found == FoundKey("g", "GOOGLE_API_KEY")
    assert find_key("gemini", ("GEMINI_API_KEY",), {}, path) == FoundKey("sk-stored", str(path))
    assert find_key("openai", ("OPENAI_API_KEY",), {}, path) is None


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Also when it was open to all before."""
    path = tmp_path / "new" / "keys.toml"
    store_key(path, "openai", "sk-1")
    path.chmod(0o644)
    assert not is_private(path)

    store_key(path, "mistral", "sk-2")

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert is_private(path)
    assert read_keys(path) == {"openai": "sk-1", "mistral": "sk-2"}


def test_a_key_can_be_forgotten(tmp_path: Path) -> None:
    """Forgetting it twice says that there was none."""
    path = tmp_path / "keys.toml"
    store_key(path, "openai", "sk-1")

    assert remove_key(path, "openai")
    assert not remove_key(path, "openai")
    assert read_keys(path) == {}


@pytest.mark.parametrize("key", ["", "two words", "sk-1\n", "schlüssel"])
def test_what_is_no_key_is_refused_without_repeating_it(tmp_path: Path, key: str) -> None:
    """It may be a key with something pasted around it."""
    with pytest.raises(UsageError) as refused:
        store_key(tmp_path / "keys.toml", "openai", key)

    assert not key or key not in str(refused.value)


def test_a_broken_file_does_not_leak_into_the_error(tmp_path: Path) -> None:
    """The parser's message could quote the key."""
    path = tmp_path / "keys.toml"
    path.write_text("openai = sk-secret-key")

    with pytest.raises(ConfigError) as refused:
        read_keys(path)

    assert "secret" not in f"{refused.value} {refused.value.hint}"


def test_a_key_is_not_in_the_repr() -> None:
    """So that no traceback or log line shows it."""
    assert "sk-1" not in repr(FoundKey("sk-1", "OPENAI_API_KEY"))


def test_a_place_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    """Such as a file where the folder should be."""
    (tmp_path / "file").touch()

    with pytest.raises(ConfigError, match="cannot be read"):
        store_key(tmp_path / "file" / "keys.toml", "openai", "sk-1")
