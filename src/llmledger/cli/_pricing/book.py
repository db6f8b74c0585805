"""What every pricing command begins with: the price book of this user, the model meant, the time meant."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from llmledger.cli._context import surroundings
from llmledger.errors import UsageError
from llmledger.pricebook import Entry, PriceBook, load
from llmledger.pricebook.naming import near_models, split_model


def open_book(extra: Sequence[Path] = ()) -> PriceBook:
    """The packaged, managed and own price tables of this user, and files given on the command line above them."""
    for path in extra:
        if not path.exists():
            raise UsageError(f"{path} does not exist", hint="Give a price file or a folder of them.")
    return load([*surroundings().pricing_folders(), *extra])


def instant(text: str | None, *, option: str = "--at") -> datetime:
    """The time that an option names: a day (its midnight in UTC) or an RFC 3339 time; without it the present."""
    if text is None:
        return surroundings().now()
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no date", hint="Write 2026-10-05 or 2026-10-05T14:30:00Z") from None
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def day(text: str, *, option: str) -> date:
    """The day that an option names."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{option} {text!r} is no date", hint="Write 2026-10-05") from None


def find_entry(book: PriceBook, text: str, *, at: datetime | None = None) -> tuple[str, str, Entry]:
    """The provider, the name as given, and the entry of a model. Raises `UsageError` with the nearest names."""
    provider, model = split_model(book, text)
    entry = book.entry(provider, model, at=at)
    if entry is None:
        near = near_models(book, provider, model)
        hint = f"Did you mean {' or '.join(near)}?" if near else f"See: llmledger pricing list --provider {provider}"
        raise UsageError(f"no model {model!r} of {provider} in the price table", hint=hint)
    return provider, model, entry
