"""The price book: every provider and rate of some folders, later folders before earlier ones; read lazily."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from llmledger.core.cost import Cost
from llmledger.core.pricing import NO_CONTEXT, price, unpriced
from llmledger.core.rates import Mode, Rate, rate_at
from llmledger.core.usage import Usage
from llmledger.errors import PriceTableError
from llmledger.pricebook._entry import Entry
from llmledger.pricebook._file import Found, Match
from llmledger.pricebook._layer import Layer
from llmledger.pricebook.provider import Provider

ANY_PROVIDER = "*"
_REMEMBERED = 20_000
"""Names whose lookup is remembered; a proxy is asked for whatever its clients can spell."""


class PriceBook:
    """What every model costs, by provider, name, time and context.

    A lookup is a pure function of these and the files, which are read on first use and not again. Names match
    exactly, by dated alias, date suffix, delimited prefix or anchored pattern; never by resemblance.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)
        self._found: dict[tuple[str, str], Found | None] = {}
        self._extended: dict[tuple[Entry, Entry], Entry] = {}
        self._version: str | None = None

    @property
    def version(self) -> str:
        """Date, content hash, and the hash of later layers that hold prices: `2026.11.20+ad698281e050.u-5d2e41`."""
        if self._version is None:
            first, *later = self._layers
            own = sha256(b"".join(layer.digest() for layer in later if layer.stems)).hexdigest()
            suffix = f".u-{own[:6]}" if any(layer.stems for layer in later) else ""
            self._version = f"{first.version}+{first.digest().hex()[:12]}{suffix}"
        return self._version

    @property
    def date_version(self) -> str:
        """The packaged table's own version, a date: cheap, for headers of reports."""
        return self._layers[0].version

    def price(
        self,
        provider: str,
        model: str,
        usage: Usage,
        *,
        at: datetime,
        context: Mapping[str, str] = NO_CONTEXT,
    ) -> Cost:
        """What a usage costs; never raises.

        An unknown model, a gap in the rates or a broken file of the user's is unpriced, with the reason.
        """
        try:
            entry = self.entry(provider, model, at=at)
        except PriceTableError as error:
            return unpriced(f"the price table cannot be used: {error.message}", version=self.version)
        if entry is None:
            return unpriced(f"no price for {provider}/{model}", version=self.version)
        rate = rate_at(entry.rates, at)
        if rate is None:
            return unpriced(f"no rate of {entry.provider}/{entry.id} at {at:%Y-%m-%d}", version=self.version)
        cost = price(usage, rate, at=at, context=context, version=self.version)
        if entry.provider in (self.canonical(provider), ANY_PROVIDER):
            return cost
        stand_in = f"priced as {entry.provider}/{entry.id}, for {provider} has no price of its own"
        return replace(cost, reason=f"{cost.reason}; {stand_in}" if cost.reason else stand_in)

    def rate(self, provider: str, model: str, *, at: datetime) -> Rate | None:
        """The rate that holds for a model at an instant, or None."""
        entry = self.entry(provider, model, at=at)
        return None if entry is None else rate_at(entry.rates, at)

    def entry(self, provider: str, model: str, *, at: datetime | None = None) -> Entry | None:
        """The table's entry for a model, later layers applied. Raises `PriceTableError` for a file that cannot be used.

        A moving name such as `-latest` means what it meant `at`; without a time, what it means last.
        """
        key = (provider, model)
        try:
            found = self._found[key]
        except KeyError:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            found = self._found[key] = self._look_up(self.canonical(provider), model)
        return None if found is None else found.at(at)

    def resolve(self, provider: str, model: str, *, at: datetime | None = None) -> str | None:
        """The table's own id for a model as somebody spells it, or None."""
        entry = self.entry(provider, model, at=at)
        return None if entry is None else entry.id

    def provider(self, name: str) -> Provider | None:
        """How to reach a provider, or None when no file tells of it; of several layers the latest that tells."""
        name = self.canonical(name)
        known = [file.provider for layer in self._layers if (file := layer.file(name)) is not None]
        told = [provider for provider in known if provider.base_url is not None]
        return told[-1] if told else known[0] if known else None

    def provider_names(self) -> list[str]:
        """Every provider with a file, sorted."""
        return sorted({stem for layer in self._layers for stem in layer.stems} - {ANY_PROVIDER})

    def canonical(self, provider: str) -> str:
        """The table's name of a provider that is also known under others: `together_ai` is `together`."""
        return self._layers[0].provider_aliases.get(provider, provider)

    def models(self, provider: str) -> list[str]:
        """The ids of a provider's models, sorted."""
        name = self.canonical(provider)
        ids = {one for layer in self._layers if (file := layer.file(name)) for one in file.blocks.ids()}
        return sorted(ids)

    def entries(self, provider: str) -> Iterator[Entry]:
        """Every entry of a provider, later layers applied, sorted by id."""
        name = self.canonical(provider)
        found: dict[str, Entry] = {}
        for layer in self._layers:
            file = layer.file(name)
            for entry in file.entries() if file else ():
                found[entry.id] = self._over(found.get(entry.id), entry)
        return (found[one] for one in sorted(found))

    def _look_up(self, provider: str, model: str) -> Found | None:
        found = self._in_layers(provider, model)
        if found is None or found.match is Match.DEFAULT:
            for other in self._fallbacks(provider):
                stand_in = self._in_layers(other, model)
                if stand_in is not None and stand_in.match < Match.ANY:
                    return stand_in
        return found

    def _fallbacks(self, provider: str) -> tuple[str, ...]:
        known = self.provider(provider)
        return known.fallback if known is not None else ()

    def _in_layers(self, provider: str, model: str) -> Found | None:
        found: Found | None = None
        for layer in self._layers:
            later = self._in_layer(layer, provider, model, found)
            if later is not None and (found is None or later.match <= found.match):
                found = self._found_over(found, later)
        return found

    def _in_layer(self, layer: Layer, provider: str, model: str, below: Found | None) -> Found | None:
        for name in (provider, ANY_PROVIDER):
            file = layer.file(name)
            if file is None:
                continue
            found = file.find(model)
            if below is not None and below.entry is not None and (found is None or found.match > below.match):
                same = file.exact(below.entry.id.lower())
                found = Found(below.match, same) if same is not None else found
            if found is not None:
                return found
        return None

    def _found_over(self, below: Found | None, later: Found) -> Found:
        if later.entry is None or below is None:
            return later
        return replace(later, entry=self._over(below.entry, later.entry))

    def _over(self, below: Entry | None, later: Entry) -> Entry:
        if below is None or not later.extends:
            return later
        key = (below, later)
        if key not in self._extended:
            self._extended[key] = replace(below, rates=tuple(_extend(below.rates, later.rates)))
        return self._extended[key]


def _extend(below: Sequence[Rate], changes: Sequence[Rate]) -> Iterator[Rate]:
    """The rates of an entry with a later layer's changes laid over them, cut where a change begins or ends."""
    for rate in below:
        edges = {rate.since, rate.until}
        edges |= {edge for change in changes for edge in (change.since, change.until) if edge and _inside(edge, rate)}
        cuts = sorted(edge for edge in edges if edge is not None)
        starts = [*([] if rate.since else [None]), *(cut for cut in cuts if cut != rate.until)]
        for i, since in enumerate(starts):
            until = starts[i + 1] if i + 1 < len(starts) else rate.until
            change = next((one for one in changes if _overlaps(one, since, until)), None)
            yield replace(rate, since=since, until=until) if change is None else _changed(rate, change, since, until)


def _inside(edge: datetime, rate: Rate) -> bool:
    return (rate.since is None or rate.since < edge) and (rate.until is None or edge < rate.until)


def _overlaps(change: Rate, since: datetime | None, until: datetime | None) -> bool:
    starts_in_time = change.since is None or (since is not None and change.since <= since)
    return starts_in_time and (change.until is None or (until is not None and until <= change.until))


def _changed(rate: Rate, change: Rate, since: datetime | None, until: datetime | None) -> Rate:
    return replace(
        rate,
        id=f"{rate.id}+{change.id.rpartition('@')[2] if change.since else 'user'}",
        since=since,
        until=until,
        prices={**rate.prices, **change.prices},
        tiers=change.tiers or rate.tiers,
        modes=(*rate.modes, *(Mode(one.when, one.prices, one.tiers, one.multiply, one.only) for one in change.modes)),
        windows=change.windows or rate.windows,
        source=change.source or rate.source,
        body={**rate.body, "extended": change.body},
    )
