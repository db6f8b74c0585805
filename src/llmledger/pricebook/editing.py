"""Changing one model of a price file and nothing else: comments, order and layout of the rest stay."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmledger.pricebook._blocks import BlockText
from llmledger.pricebook._file import PriceFile, read_file
from llmledger.pricebook.writer import file_text, model_lines


@dataclass
class EditedFile:
    """The text of a price file while it is changed."""

    path: Path
    text: str

    def put(self, model: Mapping[str, Any]) -> None:
        """Replace the model of this id where it stands, or append it."""
        blocks = BlockText(str(self.path), self.text)
        lines = "\n".join(model_lines(model)) + "\n"
        starts = [*blocks.starts, len(self.text)]
        for index, name in enumerate(blocks.ids()):
            if name.lower() == str(model["id"]).lower():
                gap = "\n" if starts[index + 1] < len(self.text) else ""
                self.text = self.text[: starts[index]] + lines + gap + self.text[starts[index + 1] :]
                return
        self.text = self.text.rstrip("\n") + "\n\n" + lines

    def checked_text(self) -> str:
        """The whole text, once every model of it can be read. Raises `PriceTableError`."""
        file = PriceFile(self.path.stem, BlockText(str(self.path), self.text))
        for entry in file.entries():
            for name in entry.names:
                file.exact(name)
        return self.text


def read_for_editing(path: Path, provider: str) -> EditedFile:
    """Open a price file to change it; one that does not exist begins with a plain header."""
    if path.exists():
        return EditedFile(path, read_file(path).blocks.text)
    return EditedFile(path, file_text({"schema": 1, "provider": provider}, []))
