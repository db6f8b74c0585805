"""The ways that settings are written: one value changes, and everything else, comments too, stays."""

import copy
import json
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmledger.clients import _dotenv, _jsonc, _toml_lines, _yaml_lines
from llmledger.clients._contract import Place, Syntax, Unclear, inner

VALUE = "http://127.0.0.1:4747/p/a%20b/openai/v1"
KEYS = st.sampled_from(["env", "models", "a-b", "api_url", "x", "Größe"])
WORDS = st.sampled_from(["one", "it's", 'say "hi"', "a # b", "http://x:1/y", "", "true", "12", "c: d", "-", "ünï"])
OBJECTS = st.recursive(
    st.dictionaries(KEYS, WORDS, max_size=3),
    lambda inside: st.dictionaries(KEYS, inside | WORDS | st.lists(inside, max_size=2), max_size=4),
    max_leaves=8,
)
PLACES = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


def with_value(settings: Any, place: Place) -> Any:
    """The settings with VALUE at a place; None where another value is in the way."""
    made = copy.deepcopy(settings)
    at = made
    for step in place[:-1]:
        at = at.setdefault(step, {})
        if not isinstance(at, dict):
            return None
    if isinstance(at.get(place[-1]), dict | list):
        return None
    at[place[-1]] = VALUE
    return made


@given(settings=OBJECTS, place=PLACES, indent=st.sampled_from([None, 2, 4, "\t"]), data=st.data())
def test_json_keeps_everything_else(settings: Any, place: Place, indent: int | str | None, data: st.DataObject) -> None:
    """Read by the standard library once the comments are gone; the comments are all still there."""
    lines = json.dumps(settings, indent=indent, ensure_ascii=False).split("\n")
    marked = [f"{line} // {number}" if data.draw(st.booleans()) else line for number, line in enumerate(lines)]
    text = "\n".join(marked) + "\n"
    expected = with_value(settings, place)
    if expected is None:
        with pytest.raises(Unclear):
            _jsonc.put(text, place, VALUE)
        return

    changed = _jsonc.put(text, place, VALUE)

    assert _jsonc.read(changed) == expected
    assert all(f"// {number}" in changed for number, line in enumerate(marked) if line != lines[number])
    if inner(settings, place) is None:
        there = place[: next(length for length in range(1, 4) if inner(settings, place[:length]) is None)]
        assert _jsonc.read(_jsonc.drop(changed, there)) == settings


@given(settings=OBJECTS, place=PLACES, is_wide=st.booleans(), data=st.data())
def test_yaml_keeps_everything_else(settings: Any, place: Place, is_wide: bool, data: st.DataObject) -> None:
    """Read by PyYAML; what is not understood is refused, and never changed wrongly."""
    dumped = yaml.safe_dump(settings, allow_unicode=True, width=1000, sort_keys=False, indent=4 if is_wide else 2)
    marked = [
        line + "  # note" if line.endswith(":") and data.draw(st.booleans()) else line for line in dumped.split("\n")
    ]
    text = "# head\n\n" + "\n".join(marked)
    expected = with_value(settings, place)
    try:
        changed = _yaml_lines.put(text, place, VALUE)
    except Unclear:
        # An empty mapping or list inside is written in flow style, which is not entered.
        assert expected is None or "{}" in text or "[]" in text
        return

    assert yaml.safe_load(changed) == expected
    assert changed.count("# note") == text.count("# note")
    assert set(text.splitlines()) - set(changed.splitlines()) <= {
        line for line in text.splitlines() if str(place[-1]) in line
    }


@pytest.mark.parametrize(
    ("syntax", "text"),
    [
        (_jsonc, "["),
        (_jsonc, '{"a": 1} x'),
        (_jsonc, '{"a": 1, "a": 2}'),
        (_jsonc, '{"a": ?}'),
        (_jsonc, '{"a" 1}'),
        (_jsonc, "{a: 1}"),
        (_jsonc, '{"a": 1 "b": 2}'),
        (_jsonc, "[" * 200 + "]" * 200),
        (_toml_lines, "a = "),
        (_yaml_lines, "a:\n\tb: 2"),
        (_yaml_lines, "a: 1\na: 2"),
        (_yaml_lines, "--- a\nb: 1"),
        (_yaml_lines, "a: 1\n---\nb: 1"),
        (_yaml_lines, "just words"),
        (_yaml_lines, "a:\n    b: 1\n  c: 2"),
        (_yaml_lines, "a: 'open\n  end'\n"),
        (_yaml_lines, "a:\n  words below"),
        (_yaml_lines, "<<: x\n"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__.rpartition(".")[2],
)
def test_what_cannot_be_followed_is_unclear(syntax: Syntax, text: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(Unclear):
        syntax.read(text)


@pytest.mark.parametrize(
    ("syntax", "text", "place"),
    [
        (_jsonc, '{"a": {"b": 1}}', ("a",)),
        (_jsonc, '{"a": 1}', ("a", "b")),
        (_jsonc, '{"a": []}', ("a", 0)),
        (_jsonc, '{"a": []}', ("b", 0, "c")),
        (_yaml_lines, "a: [1]\n", ("a", 0)),
        (_yaml_lines, "a: {b: 1}\n", ("a", "b")),
        (_yaml_lines, "a:\n  - 1\n", ("a", 3)),
        (_yaml_lines, "a: |\n  text\n", ("a",)),
        (_toml_lines, "", ("a b",)),
        (_toml_lines, 'a = """\nb = 1\n"""\n', ("b",)),
        (_dotenv, "", (1,)),
    ],
)
def test_a_place_that_is_taken_is_not_written_over(syntax: Syntax, text: str, place: Place) -> None:
    """Neither a mapping, nor a value on the way, nor what only looks like a line of ours."""
    with pytest.raises(Unclear):
        syntax.put(text, place, VALUE)


@pytest.mark.parametrize(
    ("syntax", "text", "place"),
    [
        (_jsonc, '{"a": [1]}', ("a", 0)),
        (_jsonc, '{"a": [1]}', ("a", 1, "b")),
        (_jsonc, "{}", ("a",)),
        (_jsonc, "{}", ("a", "b")),
        (_yaml_lines, "a: 1\n", ("b",)),
        (_yaml_lines, "- a: 1\n  b: 2\n", (0, "a")),
        (_dotenv, "A=1\n", ("B",)),
        (_toml_lines, 'a = """\nb = 1\n"""\nb = 2\n', ("b",)),
    ],
)
def test_what_cannot_be_taken_out_stays(syntax: Syntax, text: str, place: Place) -> None:
    """Such as the first key of a YAML list entry, which stands behind the dash."""
    with pytest.raises(Unclear):
        syntax.drop(text, place)


@pytest.mark.parametrize(
    ("text", "place", "expected"),
    [
        ('{\n  "a": 1, // one\n  "b": 2 // two\n}\n', ("b",), '{\n  "a": 1 // one\n}\n'),
        ('{\n  "b": 2, // two\n  "a": 1\n}\n', ("b",), '{\n // two\n  "a": 1\n}\n'),
        ('{"b": 2, "a": 1}', ("b",), '{ "a": 1}'),
        ('{"a": 1, "b": 2}', ("b",), '{"a": 1}'),
        ('{"b": 2}', ("b",), "{}"),
        ('{"a": [{"b": 2}]}', ("a", 0, "b"), '{"a": [{}]}'),
    ],
)
def test_a_member_goes_with_its_comma(text: str, place: Place, expected: str) -> None:
    """And with its line when it has one; comments stay, also its own."""
    changed = _jsonc.drop(text, place)

    assert _jsonc.read(changed) == _jsonc.read(expected)
    assert [one for one in ("// one", "// two") if one in text and one not in changed and one in expected] == []


def test_a_byte_order_mark_and_windows_newlines_stay() -> None:
    """Files from Windows are as much settings as others."""
    text = '\ufeff{\r\n  "a": "1"\r\n}\r\n'
    changed = _jsonc.put(text, ("b",), VALUE)

    assert changed == '\ufeff{\r\n  "a": "1",\r\n  "b": "' + VALUE + '"\r\n}\r\n'
    assert _jsonc.put("\ufeff", ("b",), "x") == '\ufeff{\n  "b": "x"\n}\n'
    assert _yaml_lines.put("a: 1\r\n", ("b",), "x") == "a: 1\r\nb: x\r\n"
    assert _dotenv.put("A=1\r\n", ("B",), "x") == "A=1\r\nB=x\r\n"
    assert _toml_lines.put("a = 1\r\n", ("b",), "x") == 'a = 1\r\nb = "x"\r\n'


def test_yaml_values_that_would_be_read_as_something_else_are_quoted() -> None:
    """A text stays a text."""
    changed = _yaml_lines.put("---\na: 'b'\n", ("a",), "no")

    assert changed == '---\na: "no"\n'
    assert yaml.safe_load(_yaml_lines.put("", ("x y",), "a: b")) == {"x y": "a: b"}


def test_yaml_lists_grow_at_their_end() -> None:
    """In the indentation that they have; one that is not there is made."""
    assert _yaml_lines.put("a:\n- x\n- y # why\nb: 1\n", ("a", 2), "z") == "a:\n- x\n- y # why\n- z\nb: 1\n"
    assert _yaml_lines.put("b: 1", ("a", 0), "z") == "b: 1\na:\n  - z\n"
    assert _yaml_lines.put("a:\n- - x\n", ("a", 0, 0), "z") == "a:\n- - z\n"


def test_dotenv_quotes_are_read_and_the_last_one_counts() -> None:
    """`export` stays where it was."""
    text = "A='1'\nexport A=2\n# A=3\n"

    assert _dotenv.read(text) == {"A": "2"}
    assert _dotenv.put(text, ("A",), "4") == "A='1'\nexport A=4\n# A=3\n"
    assert _dotenv.drop(text, ("A",)) == "# A=3\n"
    assert _dotenv.put("B=1", ("A",), "4") == "B=1\nA=4\n"
