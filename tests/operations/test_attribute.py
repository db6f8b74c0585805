"""For whom a request is made: the strongest word wins, and git fills the gaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llmledger.operations.attribute import Told, attribute, git_branch, git_root, read_tags


@dataclass(frozen=True)
class Rule:
    """A rule of the settings."""

    matches: Mapping[str, str]
    gives: Mapping[str, str]


def a_repository(folder: Path, head: str = "ref: refs/heads/main\n") -> Path:
    """A folder that git would call a repository."""
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text(head)
    return folder


def test_flags_win_over_variables_over_settings_over_rules_over_git(tmp_path: Path) -> None:
    """Five sources for one project."""
    root = a_repository(tmp_path / "repo")
    rules = (Rule({"path": f"{tmp_path}/**"}, {"project": "ruled", "client": "ACME"}),)
    configured = {"project": "configured"}
    environ = {"LLMLEDGER_PROJECT": "named"}

    def project(**told: object) -> str | None:
        return attribute(Told(**told), root).project  # type: ignore[arg-type]

    assert project() == "repo"
    assert project(rules=rules) == "ruled"
    assert project(rules=rules, configured=configured) == "configured"
    assert project(rules=rules, configured=configured, environ=environ) == "named"
    assert project(rules=rules, configured=configured, environ=environ, flags={"project": "flag"}) == "flag"


def test_a_rule_counts_when_all_of_it_matches(tmp_path: Path) -> None:
    """Path, app and key together; the first rule that says a thing is kept; a folder matches its own `/**`."""
    rules = (
        Rule({"path": f"{tmp_path}/**", "app": "cursor*"}, {"client": "wrong"}),
        Rule({"path": f"{tmp_path}/**", "key": "*…cdef"}, {"client": "ACME"}),
        Rule({"app": "llmledger"}, {"client": "later", "team": "core"}),
    )

    found = attribute(Told(rules=rules, app="llmledger", key="12345678…cdef"), tmp_path)

    assert (found.client, found.team, found.project) == ("ACME", "core", None)


def test_every_dimension_has_its_variable(tmp_path: Path) -> None:
    """LLMLEDGER_CLIENT, LLMLEDGER_USER, LLMLEDGER_TEAM ... and tags as a comma list."""
    environ = {
        f"LLMLEDGER_{name}": name.lower() for name in ("CLIENT", "USER", "TEAM", "PROJECT", "OPERATION", "SESSION")
    }
    found = attribute(Told(environ={**environ, "LLMLEDGER_TAGS": "a=1, b"}, tags={"a": "2"}, host="here"), tmp_path)

    assert (found.client, found.user, found.team) == ("client", "user", "team")
    assert (found.project, found.operation, found.session) == ("project", "operation", "session")
    assert (found.tags, found.host, found.branch) == ({"a": "2", "b": ""}, "here", None)


def test_the_git_root_is_found_from_below(tmp_path: Path) -> None:
    """And outside of any repository there is none."""
    root = a_repository(tmp_path / "repo", "ref: refs/heads/feature/x\n")
    (root / "a" / "b").mkdir(parents=True)

    assert git_root(root / "a" / "b") == root
    assert git_root(tmp_path / "elsewhere") is None
    assert git_branch(root) == "feature/x"


def test_a_worktree_has_a_branch_and_a_detached_head_has_none(tmp_path: Path) -> None:
    """`.git` may be a file that says where the folder is; a HEAD may be a commit, or gone."""
    main = a_repository(tmp_path / "main")
    (main / ".git" / "worktrees" / "w").mkdir(parents=True)
    (main / ".git" / "worktrees" / "w" / "HEAD").write_text("ref: refs/heads/side\n")
    worktree = tmp_path / "w"
    worktree.mkdir()
    (worktree / ".git").write_text(f"gitdir: {main / '.git' / 'worktrees' / 'w'}\n")

    assert git_branch(worktree) == "side"
    assert git_branch(a_repository(tmp_path / "detached", "0123456789abcdef\n")) is None
    (main / ".git" / "HEAD").unlink()
    assert git_branch(main) is None


def test_tags_are_read_as_they_are_typed() -> None:
    """A bare word is a tag without a value; nothing is no tag."""
    assert read_tags(["a=1", " b = 2=3 ", "c", "", "=x"]) == {"a": "1", "b": "2=3", "c": ""}
