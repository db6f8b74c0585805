"""Typed values out of a TOML table, with a message for each thing that can be wrong."""

import re
from collections.abc import Collection, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from typing import Any, TypeGuard

from llmledger.core.money import NANOUSD_PER_USD
from llmledger.core.usage import UNIT_BY_PRICE_KEY, M
from llmledger.errors import PriceTableError

HIGHEST_TOKEN_PRICE = 10_000
"""USD per 1M tokens. Ten times the dearest model ever sold; a price above is a slip of the unit."""
LOWEST_TOKEN_PRICE = Decimal("0.0001")
"""USD per 1M tokens. A smaller one that is not zero was written per token or per 1,000."""
DECIMALS = 9

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


class Table:
    """One TOML table and where it stands; every accessor says in one line what is wrong and what to write."""

    __slots__ = ("data", "place", "used")

    def __init__(self, data: Mapping[str, Any], place: str) -> None:
        self.data = data
        self.place = place
        self.used: set[str] = set()

    def fail(self, what: str, hint: str) -> PriceTableError:
        """An error at this table."""
        return PriceTableError(f"{self.place}: {what}", hint=hint)

    def get(self, key: str) -> Any:
        """A value as it is, or None; the key counts as known."""
        self.used.add(key)
        return self.data.get(key)

    def text(self, key: str) -> str | None:
        """A string that is not empty."""
        value = self.get(key)
        if value is not None and (not isinstance(value, str) or not value.strip()):
            raise self.fail(f"`{key}` is no text", f'Write {key} = "..."')
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings."""
        value = self.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(one, str) and one for one in value):
            raise self.fail(f"`{key}` is no list of texts", f'Write {key} = ["...", "..."]')
        return tuple(value)

    def flag(self, key: str) -> bool:
        """True or false; absent is false."""
        value = self.get(key)
        if value is not None and not isinstance(value, bool):
            raise self.fail(f"`{key}` is neither true nor false", f"Write {key} = true")
        return bool(value)

    def whole(self, key: str) -> int | None:
        """A whole number of zero or more."""
        value = self.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise self.fail(f"`{key}` is no whole number", f"Write {key} = 200_000")
        return value

    def day(self, key: str) -> date | None:
        """A calendar day."""
        value = self.get(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            raise self.fail(f"`{key}` is no date", f"Write {key} = 2026-10-01, without quotes")
        return value

    def instant(self, key: str) -> datetime | None:
        """A day (its midnight in UTC) or a time with its offset."""
        value = self.get(key)
        if value is None:
            return None
        if isinstance(value, datetime):
            if value.tzinfo is None:
                raise self.fail(f"`{key}` has no time zone", f"Write {key} = 2026-08-16T16:00:00Z")
            return value.astimezone(UTC)
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day, tzinfo=UTC)
        hint = f"Write {key} = {value}, without quotes" if _is_day(value) else f"Write {key} = 2026-10-01"
        raise self.fail(f"`{key}` is no date", hint)

    def factor(self, key: str) -> Decimal | None:
        """A multiplier above zero."""
        value = self.get(key)
        if value is None:
            return None
        number = self._number(key, value)
        if not 0 < number <= 100:
            raise self.fail(f"`{key}` = {value} is no multiplier", f"Write {key} = 0.5 for half the price")
        return number

    def patterns(self, key: str, *, anchored: bool) -> tuple[re.Pattern[str], ...]:
        """Regular expressions; `anchored` ones must begin with `^`."""
        found = []
        for one in self.texts(key):
            if anchored and not one.startswith("^"):
                raise self.fail(f"`{key}` {one!r} would match inside other names", "Begin it with ^")
            try:
                found.append(re.compile(one, re.IGNORECASE))
            except re.error as error:
                raise self.fail(f"`{key}` {one!r} is no regular expression", f"{error}") from error
        return tuple(found)

    def tables(self, key: str) -> list[dict[str, Any]]:
        """An array of tables."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self.fail(f"`{key}` is no list of tables", f"Write [[model.{key}]] on a line of its own")
        return value

    def prices(self) -> dict[str, int]:
        """Every price of the table, as nano-USD per price unit by unit name."""
        found = {}
        for key, value in self.data.items():
            unit = UNIT_BY_PRICE_KEY.get(key)
            if unit is not None:
                self.used.add(key)
                found[unit.name] = self._nanousd(key, value, per_tokens=unit.name.endswith("_tokens") and unit.per == M)
        return found

    def finish(self, known: Collection[str] = ()) -> None:
        """Refuse keys that nobody read: a price under a wrong name would be no price."""
        for key in self.data:
            if key not in self.used:
                near = get_close_matches(key, [*UNIT_BY_PRICE_KEY, *self.used, *known], n=1)
                raise self.fail(f"unknown key `{key}`", f"Did you mean `{near[0]}`?" if near else "Remove it.")

    def _nanousd(self, key: str, value: object, *, per_tokens: bool) -> int:
        usd = self._number(key, value)
        scale = "per 1M tokens" if per_tokens else "per the unit in its name"
        if usd < 0:
            raise self.fail(f"`{key}` = {value} is negative", "A price is zero or more.")
        if per_tokens and usd > HIGHEST_TOKEN_PRICE:
            raise self.fail(f"`{key}` = {value} USD {scale} is beyond belief", "Prices are USD per 1M tokens.")
        if per_tokens and 0 < usd < LOWEST_TOKEN_PRICE:
            hint = f"Prices are USD per 1M tokens: if it is per token, write {key} = {_plain(usd * M)}"
            raise self.fail(f"`{key}` = {value} USD {scale} is beyond belief", hint)
        nano = usd * NANOUSD_PER_USD
        if nano != int(nano):
            raise self.fail(
                f"`{key}` = {value} has more than {DECIMALS} decimals", f"Write {key} = {_plain(round(usd, 9))}"
            )
        return int(nano)

    def _number(self, key: str, value: object) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            hint = f"Write {key} = {value.strip('$ ')}, without quotes" if _is_number(value) else f"Write {key} = 3"
            raise self.fail(f"`{key}` = {value!r} is no number", hint)
        number = Decimal(value)
        if not number.is_finite():
            raise self.fail(f"`{key}` = {value} is no number", f"Write {key} = 3")
        return number


def _is_number(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and re.fullmatch(r"[$ ]*\d+(\.\d+)?\s*", value) is not None


def _is_day(value: object) -> bool:
    return isinstance(value, str) and _DAY.fullmatch(value) is not None


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
