"""Write a price of the user's own into the user's price folder."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from llmledger.pricebook import PriceBook
from llmledger.pricebook._layer import ANY_STEM
from llmledger.pricebook.editing import read_for_editing


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnPrice:
    """What the user says a model costs. Prices are USD by price key, such as `input` per 1M tokens."""

    provider: str
    model: str
    prices: Mapping[str, Decimal]
    free: bool = False
    multiply: Decimal | None = None
    since: date | None = None
    source: str = "set by hand"


@dataclass(frozen=True, slots=True)
class Written:
    """Where a price was written, and whether it changes the table's entry or stands for itself."""

    path: Path
    model: str
    extends: bool


def set_price(book: PriceBook, folder: Path, own: OwnPrice, *, today: date) -> Written:
    """Write a price that wins over the packaged one; the file's other text stays as it is.

    Without a date it holds for all times and stands for itself. With one (or as a multiplier) it changes the table's
    entry from that day on, and what held before stays. Raises `PriceTableError` for a price that no table may hold,
    and leaves the file alone.
    """
    known = book.entry(own.provider, own.model)
    known = known if known is not None and not known.any else None
    extends = known is not None and (own.since is not None or own.multiply is not None)
    period: dict[str, Any] = {
        "from": own.since,
        "free": own.free,
        "multiply": own.multiply,
        **own.prices,
        "source": own.source,
        "checked": today,
    }
    table = {"id": own.model, "extends": extends, "period": [period]}
    path = folder / f"{ANY_STEM if own.provider == '*' else own.provider}.toml"
    edited = read_for_editing(path, own.provider)
    edited.put(table)
    text = edited.checked_text()
    folder.mkdir(parents=True, exist_ok=True)
    half = path.with_suffix(".toml.new")
    half.write_text(text, encoding="utf-8")
    half.replace(path)
    return Written(path, f"{own.provider}/{own.model}", extends)
