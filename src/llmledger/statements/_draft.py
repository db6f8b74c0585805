"""A first draft of a rules file for a table that no reader knows: guesses from the header, marked as such."""

import re
from collections.abc import Mapping

from llmledger.statements._contract import Head

_WORDS: Mapping[str, tuple[str, ...]] = {
    "date": ("date", "day", "tag", "time", "datum", "jour", "fecha", "start"),
    "model": ("model", "modell", "sku", "modèle"),
    "kind": ("kind", "type", "meter", "direction", "item"),
    "quantity": ("quantity", "tokens", "menge", "amount of", "usage"),
    "unit": ("unit", "einheit"),
    "amount": ("cost", "amount", "charge", "price", "betrag", "kosten", "total"),
    "currency": ("currency", "währung"),
    "key": ("key",),
    "project": ("project", "workspace", "projekt"),
    "request_id": ("request id", "request_id", "generation"),
}
_FORMATS: tuple[tuple[str, str], ...] = (
    (r"\d{4}-\d{2}-\d{2}", "%Y-%m-%d"),
    (r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", "%Y-%m-%d %H:%M:%S"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "%Y-%m-%dT%H:%M:%SZ"),
    (r"\d{8}", "%Y%m%d"),
    (r"\d{2}\.\d{2}\.\d{4}", "%d.%m.%Y"),
    (r"\d{2}/\d{2}/\d{4}", "%m/%d/%Y"),
    (r"\d{4}-\d{2}", "%Y-%m"),
)


def draft_rules(head: Head) -> str:
    """Rules as TOML text, each line a guess for the user to check; what was not found is left as a comment."""
    names = list(head.rows[0]) if head.rows else []
    sample = head.rows[1] if len(head.rows) > 1 else ()
    found = _columns(names)
    values = dict(zip(names, sample, strict=False))
    lines = [
        f"# Drafted from the header of {head.name}: check every line.",
        'provider = "CHANGE-ME"        # as in your ledger: mistral, groq, xai ...',
        'timezone = "UTC"              # in which the dates are days',
        f'date_format = "{_format_of(values.get(found.get("date", ""), ""))}"',
        f'decimal_mark = "{_mark_of(values.get(found.get("amount", ""), ""))}"',
        'currency = "USD"              # unless a column names it',
        "days = 1                      # how many days a row covers",
        "",
        "[columns]",
    ]
    lines += [f'{name} = "{_quoted(found[name])}"' if name in found else f'# {name} = ""' for name in _WORDS]
    lines += ["", "[kinds]                       # the words in the kind column, and what they count"]
    lines += [
        '# "Input tokens" = "input_tokens"',
        '# "Cached" = "cache_read_tokens"',
        '# "Output tokens" = "output_tokens"',
    ]
    lines += ["", "[units]                       # how many one of a unit is", '# "1K tokens" = "1000"', ""]
    lines += ["# [[models]]                  # a regular expression over the whole name, and the name in your ledger"]
    lines += ["# pattern = '(.+) v1'", "# model = '\\1'", ""]
    return "\n".join(lines)


def _columns(names: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for meaning, words in _WORDS.items():
        free = [name for name in names if name not in found.values()]
        hit = next((name for word in words for name in free if _means(name, word)), None)
        if hit:
            found[meaning] = hit
    return found


def _means(name: str, word: str) -> bool:
    """Whether a column's name holds a word; a short word must be a word of its own."""
    return word in name if len(word) > 3 else word in name.replace("_", " ").split()


def _format_of(text: str) -> str:
    return next((form for pattern, form in _FORMATS if re.fullmatch(pattern, text, re.IGNORECASE)), "%Y-%m-%d")


def _mark_of(text: str) -> str:
    return "," if re.search(r",\d{1,2}\D*\Z|\d\.\d{3},", text) else "."


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
