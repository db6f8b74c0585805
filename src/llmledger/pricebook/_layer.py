"""One layer of the price book: a folder of price files, or a single file."""

import tomllib
from decimal import Decimal
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any

from llmledger.errors import PriceTableError
from llmledger.pricebook._file import PriceFile, read_file
from llmledger.pricebook._folder import VERSION_FILE

ANY_STEM = "_any"
"""Name of the file whose entries hold for a model wherever it is bought: `provider = "*"`."""


class Layer:
    """Price files by provider, opened on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, PriceFile | None] = {}

    @cached_property
    def stems(self) -> frozenset[str]:
        """The providers that have a file here; `*` for the file of all providers."""
        return frozenset(self._paths)

    @cached_property
    def _paths(self) -> dict[str, Path]:
        if self.path.is_file():
            return {_provider_of(self.path): self.path}
        if not self.path.is_dir():
            return {}
        return {_provider_of(path): path for path in sorted(self.path.glob("*.toml")) if path.name != VERSION_FILE}

    def file(self, provider: str) -> PriceFile | None:
        """The file of one provider, or None. Raises `PriceTableError` when it cannot be read."""
        if provider not in self._files:
            path = self._paths.get(provider)
            self._files[provider] = None if path is None else read_file(path)
        return self._files[provider]

    @cached_property
    def version(self) -> str:
        """The date version of the folder's table, or `unversioned`."""
        return str(self._facts.get("version", "unversioned"))

    @cached_property
    def provider_aliases(self) -> dict[str, str]:
        """Other names of providers, such as those of other tools, to the names of the files."""
        aliases: dict[str, str] = self._facts.get("aliases", {})
        return aliases

    def digest(self) -> bytes:
        """A hash over all files of the layer, names and contents."""
        whole = sha256()
        for provider, path in sorted(self._paths.items()):
            whole.update(provider.encode() + b"\0" + sha256(path.read_bytes()).digest())
        return whole.digest()

    @cached_property
    def _facts(self) -> dict[str, Any]:
        path = self.path / VERSION_FILE
        if not path.is_file():
            return {}
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PriceTableError(f"{path}: this is not TOML: {error}", hint='Write version = "2026.11.20"') from error


def _provider_of(path: Path) -> str:
    return "*" if path.stem == ANY_STEM else path.stem
