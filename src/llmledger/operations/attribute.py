"""Attribute a request of this machine's user: flags, then the environment, then the settings, then where they work."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

from llmledger.core.request import Attribution

DIMENSIONS = ("client", "user", "team", "project", "operation", "session")
"""What flags and variables (`LLMLEDGER_PROJECT` ...) may say."""


class Rule(Protocol):
    """One rule of the settings: when these globs match, these dimensions follow. `~` in paths is already expanded."""

    @property
    def matches(self) -> Mapping[str, str]:
        """Globs by what they are held against: path, app, key."""

    @property
    def gives(self) -> Mapping[str, str]:
        """Values by dimension."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What is known about who makes a request, the strongest word first."""

    flags: Mapping[str, str | None] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    environ: Mapping[str, str] = field(default_factory=dict)
    configured: Mapping[str, str] = field(default_factory=dict)
    rules: Sequence[Rule] = ()
    app: str | None = None
    host: str | None = None
    key: str | None = None
    """Fingerprint of the API key."""


def attribute(told: Told, folder: Path | None) -> Attribution:
    """For whom a request of the working folder is made; the project falls back to the name of the git root.

    Without a folder, as for requests of other programs, neither git nor paths say anything.
    """
    root = git_root(folder) if folder is not None else None
    found: dict[str, str | None] = {"project": root.name if root else None}
    found.update(by_rules(told.rules, path=str(folder or ""), app=told.app, key=told.key))
    found.update({name: value for name, value in told.configured.items() if name in DIMENSIONS})
    for name in DIMENSIONS:
        value = told.flags.get(name) or told.environ.get(f"LLMLEDGER_{name.upper()}")
        if value:
            found[name] = value
    tags = {**read_tags(told.environ.get("LLMLEDGER_TAGS", "").split(",")), **told.tags}
    return Attribution(
        client=found.get("client"),
        user=found.get("user"),
        team=found.get("team"),
        project=found.get("project"),
        operation=found.get("operation"),
        session=found.get("session"),
        app=told.app,
        host=told.host,
        key=told.key,
        branch=git_branch(root) if root else None,
        tags=tags,
    )


def read_tags(words: Iterable[str]) -> dict[str, str]:
    """Tags written as `key=value`; a bare word is a tag without a value."""
    pairs = (word.strip().partition("=") for word in words if word.strip())
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


def git_root(folder: Path) -> Path | None:
    """The folder of the git repository that a folder is in, or None."""
    return next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)


def git_branch(root: Path) -> str | None:
    """The branch that is checked out at a git root, read from its files; None when none is."""
    dot_git = root / ".git"
    try:
        if dot_git.is_file():  # a worktree or submodule: the file says where its folder is
            dot_git = root / dot_git.read_text(encoding="utf-8").partition("gitdir:")[2].strip()
        head = (dot_git / "HEAD").read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return None
    return head.removeprefix("ref: refs/heads/") if head.startswith("ref: refs/heads/") else None


def by_rules(
    rules: Iterable[Rule], *, path: str = "", app: str | None = None, key: str | None = None
) -> dict[str, str]:
    """What the rules of the settings say of a request; the first that says a thing counts. `key` is a fingerprint."""
    facts = {"path": path, "app": app or "", "key": key or ""}
    found: dict[str, str] = {}
    for rule in rules:
        if all(_matches(facts[name], glob) for name, glob in rule.matches.items() if name in facts):
            for name, value in rule.gives.items():
                found.setdefault(name, value)
    return found


def _matches(fact: str, glob: str) -> bool:
    """Whether a fact fits a glob; a path also fits the folder that a trailing `/**` stands behind."""
    return fnmatchcase(fact, glob) or fact == glob.removesuffix("/**")
