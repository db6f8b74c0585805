"""The packaged price table is found in a wheel and in a source tree."""

from pathlib import Path

import pytest

from llmledger.errors import PriceTableError
from llmledger.pricebook import load, packaged_folder


def test_the_table_of_this_program_is_found() -> None:
    """And it is a table."""
    folder = packaged_folder()

    assert (folder / "VERSION.toml").is_file()
    assert load([]).version == load([folder]).version


def test_a_wheel_carries_it_inside_the_package(tmp_path: Path) -> None:
    """It wins over a `pricing` folder that happens to lie beside it."""
    inside, beside = tmp_path / "src" / "llmledger" / "_pricing", tmp_path / "pricing"
    for folder in (inside, beside):
        folder.mkdir(parents=True)
        (folder / "VERSION.toml").touch()

    assert packaged_folder(tmp_path / "src" / "llmledger") == inside
    (inside / "VERSION.toml").unlink()
    assert packaged_folder(tmp_path / "src" / "llmledger") == beside


def test_a_program_without_its_table_says_so(tmp_path: Path) -> None:
    """Instead of pricing nothing in silence."""
    with pytest.raises(PriceTableError, match="no price table beside the program"):
        packaged_folder(tmp_path / "src" / "llmledger")
