"""Pages of admin APIs: buckets with results, read strictly, one JSON document after another."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from llmledger.errors import InputFileError
from llmledger.statements._contract import Part
from llmledger.statements._table import number, whole


class Item:
    """One JSON object of a page; like a row, it names file and position when it cannot be read."""

    __slots__ = ("name", "number", "values")

    def __init__(self, name: str, position: int, values: Mapping[str, Any]) -> None:
        self.name = name
        self.number = position
        self.values = values

    def text(self, key: str) -> str:
        """A value as text; null and absent are empty."""
        value = self.values.get(key)
        return "" if value is None else str(value).strip()

    def decimal(self, key: str) -> Decimal | None:
        """A JSON number or a number in a string, exact; None when null, absent or empty."""
        value = self.values.get(key)
        if value is None or value == "":
            return None
        if isinstance(value, bool):
            raise self.error(key, f"{value} is not a number")
        try:
            return number(str(value))
        except ValueError as reason:
            raise self.error(key, str(reason)) from None

    def whole(self, key: str) -> int:
        """A count; null and absent are 0, as these APIs mean it."""
        try:
            return whole(self.decimal(key) or Decimal(0))
        except ValueError as reason:
            raise self.error(key, str(reason)) from None

    def item(self, key: str) -> "Item":
        """An object inside; null and absent are empty."""
        value = self.values.get(key)
        if value is not None and not isinstance(value, Mapping):
            raise self.error(key, "is not an object")
        return Item(self.name, self.number, value or {})

    def instant(self, key: str) -> datetime:
        """Unix seconds, or an RFC 3339 or BigQuery time or date; UTC when it names no zone."""
        value = self.values.get(key)
        try:
            if isinstance(value, int):
                return datetime.fromtimestamp(value, UTC)
            moment = datetime.fromisoformat(str(value).removesuffix(" UTC"))
        except (ValueError, OverflowError, OSError):
            raise self.error(key, f"{str(value)[:40]!r} is not a time") from None
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)

    def error(self, key: str, what: str) -> InputFileError:
        """An error about this object that names file, position and key."""
        return InputFileError(f"{self.name}, item {self.number}, {key}: {what}", hint="Fetch the statement again.")


def buckets(part: Part) -> Iterator[tuple[Item, Item]]:
    """Yield each result with the bucket that it is in, over all pages of the file."""
    for position, bucket in enumerate(items(part), start=1):
        results = bucket.values.get("results")
        if not isinstance(results, list):
            raise bucket.error("results", "is not a list")
        for result in results:
            if not isinstance(result, Mapping):
                raise bucket.error("results", "holds something else than objects")
            yield bucket, Item(part.name, position, result)


def items(part: Part) -> Iterator[Item]:
    """Yield the objects in `data` of every page; a page of another shape is an error."""
    position = 0
    for page in part.documents():
        data = page.get("data") if isinstance(page, Mapping) else None
        if not isinstance(data, list):
            raise InputFileError(f"{part.name}: a page without a list `data`", hint="Fetch the statement again.")
        for value in data:
            position += 1
            if not isinstance(value, Mapping):
                raise InputFileError(
                    f"{part.name}, item {position} is not an object", hint="Fetch the statement again."
                )
            yield Item(part.name, position, value)


def objects(part: Part, what: str) -> Iterator[Mapping[str, Any]]:
    """The objects of an export: one to a document, or a list of them under `data`. Raises InputFileError naming `what`."""
    for document in part.documents():
        inner = document.get("data", [document]) if isinstance(document, Mapping) else None
        if not isinstance(inner, list) or not all(isinstance(value, Mapping) for value in inner):
            raise InputFileError(f"{part.name} holds something else than {what}", hint="Export it again.")
        yield from inner
