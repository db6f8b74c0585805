"""The settings files of other tools that the tests connect: one folder per tool and case.

`before.EXT` is what a user had (absent: the file was not there), `after.EXT` what connecting makes of it; other files lie
beside the settings. Cases whose name begins with `refused` are not changed. `python -m tests.support.clients` writes the
`after` files anew, to be read by a person.
"""

from dataclasses import dataclass
from pathlib import Path

from llmledger.clients import load, names
from llmledger.clients._contract import Client, Machine, Proxy
from llmledger.operations.connect import Reading, connect, read_client
from llmledger.operations.settings_change import Change, Record

FOLDER = Path(__file__).parents[1] / "fixtures" / "clients"
PROXY = Proxy("http://127.0.0.1:4747")
NOWHERE = Path("/home/ada")
PROVIDERS = {
    "anthropic": "https://api.anthropic.com",
    "openai": "https://api.openai.com",
    "gemini": "https://generativelanguage.googleapis.com",
}


@dataclass(frozen=True)
class Case:
    """One settings file of one tool."""

    name: str
    folder: Path

    @property
    def client(self) -> Client:
        return load(self.name)

    @property
    def file(self) -> Path:
        """Where the tool keeps its settings."""
        assert self.client.file is not None
        return self.client.file(Machine(NOWHERE, {}, NOWHERE))

    @property
    def before(self) -> str | None:
        return self._text("before")

    @property
    def after(self) -> str | None:
        return self._text("after")

    @property
    def beside(self) -> dict[str, str]:
        found = [self.folder / name for name in self.client.beside]
        return {path.name: path.read_text(encoding="utf-8") for path in found if path.exists()}

    def read(self, text: str | None, proxy: Proxy = PROXY) -> Reading:
        """The settings as `connect` looks at them."""
        return read_client(self.client, self.file, text, proxy, self.beside)

    def connected(self, text: str | None, proxy: Proxy = PROXY) -> Change:
        """What connecting makes of a text."""
        return connect(self.read(text, proxy), PROVIDERS.get)[0]

    @property
    def record(self) -> Record:
        """The way back from `after` to `before`."""
        return connect(self.read(self.before), PROVIDERS.get)[1]

    def _text(self, stem: str) -> str | None:
        found = list(self.folder.glob(f"{stem}.*"))
        return found[0].read_bytes().decode() if found else None


def folder_of(name: str) -> Path:
    """The folder of a tool's cases; named as its module."""
    return FOLDER / name.replace("-", "_")


def cases(*, refused: bool = False) -> list[Case]:
    """Every case of every tool with settings of its own."""
    found = [
        Case(name, folder) for name in names() if load(name).syntax for folder in sorted(folder_of(name).iterdir())
    ]
    return [one for one in found if one.folder.name.startswith("refused") == refused]


def main() -> None:
    """Write the expectations anew."""
    for name in names():
        if not load(name).syntax:
            folder_of(name).mkdir(exist_ok=True)
            (folder_of(name) / "notes.txt").write_text("\n".join(load(name).notes(PROXY)) + "\n", encoding="utf-8")
        elif not (folder_of(name) / "new").exists() and name != "continue":
            (folder_of(name) / "new").mkdir(parents=True)
    for case in cases():
        suffix = case.file.suffix or ".env"
        (case.folder / f"after{suffix}").write_bytes((case.connected(case.before).after or "").encode())


if __name__ == "__main__":
    main()
