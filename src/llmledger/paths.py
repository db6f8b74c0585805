"""Where things are: the folders of this user, and the files in them.

`LLMLEDGER_HOME` puts everything in one folder; without it the platform's own folders are used. Nothing is created here.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_IS_LINUX: bool = sys.platform.startswith("linux")

PROJECT_FILE = ".llmledger.toml"
"""A project's own settings, looked for from the working folder upwards."""


@dataclass(frozen=True, slots=True)
class Paths:
    """The folders for data, settings and what can be made again, and the files that have a fixed place in them."""

    data: Path
    config: Path
    cache: Path

    @property
    def ledger(self) -> Path:
        """The user's ledger."""
        return self.data / "ledger.db"

    @property
    def models(self) -> Path:
        """Folder of the model files that run inside this program."""
        return self.data / "models"

    @property
    def managed_pricing(self) -> Path:
        """Folder of the price tables that `pricing update` writes."""
        return self.data / "managed-pricing"

    @property
    def config_file(self) -> Path:
        """The user's settings."""
        return self.config / "config.toml"

    @property
    def keys_file(self) -> Path:
        """API keys of the providers, readable by the user alone."""
        return self.config / "keys.toml"

    @property
    def user_pricing(self) -> Path:
        """Folder of the user's own prices; they win over all others."""
        return self.config / "pricing"


def find_paths(environ: Mapping[str, str]) -> Paths:
    """Tell where the data, settings and cache of this user are; no file or folder is made."""
    home = environ.get("LLMLEDGER_HOME")
    if home:
        root = Path(home).expanduser().absolute()
        return Paths(data=root, config=root, cache=root / "cache")
    if _IS_LINUX:
        return _by_xdg(environ)
    import platformdirs

    return Paths(
        data=platformdirs.user_data_path("llmledger", appauthor=False),
        config=platformdirs.user_config_path("llmledger", appauthor=False),
        cache=platformdirs.user_cache_path("llmledger", appauthor=False),
    )


def _by_xdg(environ: Mapping[str, str]) -> Paths:
    """As the XDG base directory specification has it; so does platformdirs, which takes longer to import than this."""
    home = Path(environ["HOME"]) if environ.get("HOME") else Path.home()

    def folder(variable: str, usual: str) -> Path:
        told = Path(environ.get(variable, ""))
        return (told if told.is_absolute() else home / usual) / "llmledger"

    return Paths(
        data=folder("XDG_DATA_HOME", ".local/share"),
        config=folder("XDG_CONFIG_HOME", ".config"),
        cache=folder("XDG_CACHE_HOME", ".cache"),
    )


def find_project_file(folder: Path) -> Path | None:
    """The settings file of the project that a folder belongs to: the nearest one, looked for up to the git root."""
    for place in (folder, *folder.parents):
        candidate = place / PROJECT_FILE
        if candidate.is_file():
            return candidate
        if (place / ".git").exists():
            return None
    return None
