"""What happens to a settings file, and what is kept of it so that it can be taken back: never the file, which may hold keys."""

import difflib
import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from llmledger.clients._contract import Place
from llmledger.core.redaction import redact


@dataclass(frozen=True, slots=True)
class Edit:
    """One value that was set, and the one before."""

    place: Place
    before: str | None
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """One piece of text in the way back: so many characters from here on become what was there before."""

    start: int
    length: int
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How a connected file becomes again what it was, without what else stands in it."""

    file: Path
    is_new: bool
    """Whether the file was not there."""
    after_hash: str
    patches: tuple[Patch, ...]
    """In the order in which they are applied to the connected text."""
    edits: tuple[Edit, ...]
    created: tuple[Place, ...]
    """Mappings and lists that were made on the way to a value."""
    made: tuple[Path, ...] = ()
    """Folders that had to be made for the file, innermost first."""

    def is_of(self, text: str) -> bool:
        """Whether a text is what was written then."""
        return text_hash(text) == self.after_hash

    def restored(self, text: str) -> str | None:
        """What was there before; None when nothing was. Only for the text that was written then."""
        for patch in self.patches:
            text = text[: patch.start] + patch.before + text[patch.start + patch.length :]
        return None if self.is_new else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What happens to one settings file."""

    file: Path
    before: str | None
    """None when the file was not there."""
    after: str | None
    """None when it is taken away again."""
    notes: tuple[str, ...] = ()
    made: tuple[Path, ...] = ()
    """Folders that go with the file, innermost first."""

    @property
    def is_nothing(self) -> bool:
        """Whether the file stays as it is."""
        return self.before == self.after

    def diff(self) -> str:
        """The change as a unified diff with one line around it; what looks like a secret is not shown."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(),
            (self.after or "").splitlines(),
            f"{self.file}" if self.before is not None else "/dev/null",
            f"{self.file}" if self.after is not None else "/dev/null",
            lineterm="",
            n=1,
        )
        return "\n".join(_shown(line) for line in lines)


def text_hash(text: str) -> str:
    """A text's SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def way_back(texts: Iterable[str]) -> tuple[Patch, ...]:
    """The patches from the last of several versions of a text to the first."""
    steps = [list(_patches(new, old)) for old, new in pairwise(texts)]
    return tuple(patch for step in reversed(steps) for patch in step)


def _patches(new: str, old: str) -> Iterator[Patch]:
    """What makes the older of two versions of the newer one, from its end to its beginning."""
    most = min(len(new), len(old))
    head = next((at for at in range(most) if new[at] != old[at]), most)
    tail = next((at for at in range(most - head) if new[-1 - at] != old[-1 - at]), most - head)
    ours, theirs = new[head : len(new) - tail], old[head : len(old) - tail]
    for kind, start, end, first, last in reversed(
        difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
    ):
        if kind != "equal":
            yield Patch(head + start, end - start, theirs[first:last])


_SECRET_KEY = re.compile(r"(?i)(key|token|secret|password|auth)[\w-]*[\"']?\s*[:=]\s*[\"']?(?P<value>[^\s\"',}]+)")


def _shown(line: str) -> str:
    found = _SECRET_KEY.search(line)
    if found is not None and not found["value"].startswith("http"):
        line = line[: found.start("value")] + "[…]" + line[found.end("value") :]
    head = line[: len(line) - len(line[1:].lstrip())] if line else ""
    return head + redact(line[len(head) :])
