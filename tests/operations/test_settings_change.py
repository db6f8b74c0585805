"""The way back of a settings file, kept without the file; and a diff that shows no key."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmledger.operations.settings_change import Change, Record, text_hash, way_back

FILE = Path("/home/ada/settings.json")


def record(*versions: str, is_new: bool = False) -> Record:
    """The way back from the last version to the first."""
    return Record(
        file=FILE,
        is_new=is_new,
        after_hash=text_hash(versions[-1]),
        patches=way_back(versions),
        edits=(),
        created=(),
    )


@given(st.lists(st.text(alphabet='ab{",\n', max_size=12), min_size=1, max_size=5))
def test_the_way_back_leads_to_the_first_version(versions: list[str]) -> None:
    """Whatever was put in, replaced or taken out on the way."""
    way = record(*versions)

    assert way.is_of(versions[-1])
    assert way.restored(versions[-1]) == versions[0]


def test_only_what_was_replaced_is_kept() -> None:
    """Two insertions with a key between them are two pieces, and the key is in none."""
    before = '{"a": 1 /* sk-canary */}'
    after = '{"a": 1, /* sk-canary */ "b": 2}'
    way = record(before, after)

    assert way.restored(after) == before
    assert "".join(patch.before for patch in way.patches) == ""


def test_a_file_that_was_not_there_goes_away() -> None:
    """Nothing, and not an empty file."""
    assert record("", "x", is_new=True).restored("x") is None


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('  "apiKey": "plain-words",', '  "apiKey": "[…]",'),
        ("export OPENAI_API_KEY=abc", "export OPENAI_API_KEY=[…]"),
        ("    auth_token: x # mine", "    auth_token: […] # mine"),
        ('  "note": "sk-ant-canary-0123456789"', '  "note": "[…]"'),
        ("AUTH_URL=http://x", "AUTH_URL=http://x"),
        ("", ""),
    ],
)
def test_a_diff_shows_no_key(line: str, shown: str) -> None:
    """By the name that it stands under, or by how it looks; lines beside the change are shown too."""
    diff = Change(file=FILE, before=f"{line}\n", after=f"{line}\nx\n").diff()

    assert diff.splitlines()[-2:] == [f" {shown}", "+x"]
