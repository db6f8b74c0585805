"""Where the packaged price table lies: inside an installed wheel, or at the top of the source tree."""

from pathlib import Path

from llmledger.errors import PriceTableError

VERSION_FILE = "VERSION.toml"


def packaged_folder(package: Path | None = None) -> Path:
    """The folder of the price table that came with this program.

    A wheel carries it as `llmledger/_pricing`; in a source tree it is `pricing/` beside `src/`. `package` is the
    folder of the llmledger package, by default this one. Raises `PriceTableError` if neither holds a table.
    """
    package = package or Path(__file__).parent.parent
    for folder in (package / "_pricing", package.parent.parent / "pricing"):
        if (folder / VERSION_FILE).is_file():
            return folder
    raise PriceTableError(
        f"no price table beside the program at {package}", hint="Install llmledger again: its price files are missing."
    )
