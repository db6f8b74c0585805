"""A name is taken out as a word, in any case, where it names the person; what belongs to others keeps its names."""

import pytest

from llmledger.core.erasure import Eraser

ADA = Eraser(" Ada L ")


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("Ada L", "erased"),
        ("limit of ada l: reached", "limit of erased: reached"),
        ("(ADA L)/x and Ada L's", "(erased)/x and erased's"),
        ("Ada Lovelace, Nada L", "Ada Lovelace, Nada L"),
        ("Ada_L AdaL", "Ada_L AdaL"),
    ],
)
def test_a_name_is_a_whole_word_in_any_case(text: str, without: str) -> None:
    """Longer names are other people."""
    assert ADA.text(text) == without
    assert ADA.holds(text) == (text != without)


def test_a_name_with_signs_in_it_is_found() -> None:
    """Not as a pattern: a point is a point."""
    eraser = Eraser("a.b@c.d")

    assert eraser.text("from <a.b@c.d>, not axb@c.d") == "from <erased>, not axb@c.d"
    assert not eraser.holds(None)


def test_what_is_their_own_loses_the_name_and_what_belongs_to_others_keeps_its_project() -> None:
    """Machines, sessions, branches and tags may name a person by the way."""
    own = {"user": "ada l", "project": "ada l/site", "key": "ada l", "host": "ada l-mac", "tags": {"by": "Ada L"}}
    other = {"user": "bob", "project": "ada l/site", "key": "ada l", "host": "ada l-mac", "branch": "ada l/fix"}

    assert ADA.attribution(own) == {
        "user": "erased", "project": "erased/site", "key": "ada l", "host": "erased-mac", "tags": {"by": "erased"}
    }  # fmt: skip
    assert ADA.attribution(other) == {**other, "host": "erased-mac", "branch": "erased/fix"}
    nobody = {"user": None, "project": "web"}
    assert ADA.attribution(nobody) is nobody


def test_plain_values_keep_what_has_no_name() -> None:
    """Lists, numbers and unknowns; the same value comes back when nothing changed."""
    value = [{"Ada L": [1, None, "Ada L"]}, "x"]

    assert ADA.plain(value) == [{"erased": [1, None, "erased"]}, "x"]
    same = {"a": [1]}
    assert ADA.plain(same) is same


def test_records_are_changed_at_any_depth_and_services_keep_their_names() -> None:
    """A person called Claude is no model."""
    claude = Eraser("claude")
    record = {
        "begun": {"model": "claude-x", "attribution": {"user": "Claude", "tags": {"claude": "1"}}},
        "error_message": "no quota for claude",
        "parts": [{"model": "claude-x", "flags": ["of claude"]}, 3, None],
    }

    changed = claude.record(record)

    assert changed == {
        "begun": {"model": "claude-x", "attribution": {"user": "erased", "tags": {"erased": "1"}}},
        "error_message": "no quota for erased",
        "parts": [{"model": "claude-x", "flags": ["of erased"]}, 3, None],
    }
    assert claude.record(changed) is changed
    assert (claude.owns(record), claude.owns(changed), claude.owns("claude")) == (True, False, False)
    assert (claude.is_person(" CLAUDE "), claude.is_person(None)) == (True, False)
