"""The price book: what every model of every provider costs, as TOML files that a person can read and correct."""

from collections.abc import Sequence
from pathlib import Path

from llmledger.pricebook._entry import Entry
from llmledger.pricebook._folder import packaged_folder
from llmledger.pricebook._layer import Layer
from llmledger.pricebook.book import PriceBook
from llmledger.pricebook.provider import Provider

__all__ = ["Entry", "PriceBook", "Provider", "load", "packaged_folder"]


def load(folders: Sequence[Path]) -> PriceBook:
    """Open the price tables of some folders (or single files), later ones win; nothing is read yet.

    The first is the packaged table, whose date names the version; then come the managed and the user's folder.
    """
    return PriceBook([Layer(folder) for folder in folders] or [Layer(packaged_folder())])
