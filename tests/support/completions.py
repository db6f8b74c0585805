"""The scripts that make a shell ask the program what may follow. `python -m tests.support.completions` writes them."""

from tests.support.source import ROOT
from typer.completion import get_completion_script

from llmledger.cli._completion import VARIABLE

FOLDER = ROOT / "completions"
FILES = {"bash": "llmledger.bash", "zsh": "_llmledger", "fish": "llmledger.fish"}


def script(shell: str) -> str:
    """The script of one shell."""
    return get_completion_script(prog_name="llmledger", complete_var=VARIABLE, shell=shell) + "\n"


def main() -> None:
    """Write all of them."""
    for shell, name in FILES.items():
        (FOLDER / name).write_text(script(shell), encoding="utf-8")


if __name__ == "__main__":
    main()
