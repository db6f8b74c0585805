"""Where things are looked for, and that looking makes nothing."""

import sys
from pathlib import Path

import platformdirs
import pytest

from llmledger.paths import Paths, find_paths, find_project_file


def test_one_variable_puts_everything_into_one_folder(tmp_path: Path) -> None:
    """LLMLEDGER_HOME is for tests, containers and sticks; nothing is made by asking."""
    home = tmp_path / "there"
    paths = find_paths({"LLMLEDGER_HOME": str(home)})

    assert paths == Paths(data=home, config=home, cache=home / "cache")
    assert paths.ledger == home / "ledger.db"
    assert not home.exists()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems ask platformdirs anyway")
def test_without_it_the_folders_are_those_of_platformdirs(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own reading of the specification and that of platformdirs agree, with and without XDG variables."""
    for environ in (
        {"HOME": str(home)},
        {"HOME": str(home), "XDG_DATA_HOME": str(home / "d"), "XDG_CONFIG_HOME": "relative"},
    ):
        for name, value in environ.items():
            if name != "XDG_CONFIG_HOME":  # relative paths are invalid, and platformdirs takes them all the same
                monkeypatch.setenv(name, value)

        assert find_paths(environ) == Paths(
            data=platformdirs.user_data_path("llmledger"),
            config=platformdirs.user_config_path("llmledger"),
            cache=platformdirs.user_cache_path("llmledger"),
        )


def test_a_project_file_is_looked_for_up_to_the_git_root(tmp_path: Path) -> None:
    """Not beyond it: a file in a folder above belongs to something else."""
    (tmp_path / ".llmledger.toml").touch()
    repository = tmp_path / "repository"
    (repository / ".git").mkdir(parents=True)
    (repository / "deep" / "down").mkdir(parents=True)

    assert find_project_file(repository / "deep" / "down") is None
    (repository / ".llmledger.toml").touch()
    assert find_project_file(repository / "deep" / "down") == repository / ".llmledger.toml"
