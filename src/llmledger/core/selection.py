"""Selecting and grouping: the filters that every command shares, and the dimensions that reports group by."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from difflib import get_close_matches
from fnmatch import translate

from llmledger.core.window import Bucket
from llmledger.core.words import Billing, Status
from llmledger.errors import UsageError

MODEL_DIMENSIONS = ("provider", "model")
ATTRIBUTION_DIMENSIONS = ("client", "user", "team", "project", "operation", "app", "key", "host")
TRAIT_DIMENSIONS = ("endpoint", "status", "source", "billing", "cost_source", "usage_quality")
ROW_DIMENSIONS = ("session", "branch")
"""Endless ones: they live on the row only, so they need detail that has not been pruned."""
TIME_DIMENSIONS = tuple(bucket.value for bucket in Bucket)
DIMENSIONS = (
    "provider",
    "model",
    "client",
    "user",
    "team",
    "project",
    "operation",
    "session",
    "app",
    "key",
    "host",
    "branch",
    "endpoint",
    "status",
    "source",
    "billing",
    "cost_source",
    "usage_quality",
    *TIME_DIMENSIONS,
)
TAG_PREFIX = "tag:"
ALL_TAGS = "tag"
"""Groups by every `key=value`; one with two tags counts in two rows, so rows add up to more than the total."""


def is_tag(dimension: str) -> bool:
    """Whether a dimension groups by the value of one tag."""
    return dimension.startswith(TAG_PREFIX)


def needs_rows(dimension: str) -> bool:
    """Whether a dimension lives on the row only, in no roll-up."""
    return dimension in ROW_DIMENSIONS or dimension == ALL_TAGS or is_tag(dimension)


def parse_by(values: Iterable[str]) -> tuple[str, ...]:
    """Read group-by dimensions, repeated or as comma lists; raises UsageError for an unknown one."""
    found: list[str] = []
    for name in split_values(values):
        lowered = name.lower() if not name.lower().startswith(TAG_PREFIX) else TAG_PREFIX + name[len(TAG_PREFIX) :]
        if lowered == TAG_PREFIX:
            raise UsageError(
                "tag: needs the name of a tag", hint="Write --by tag:feature, or --by tag for all of them."
            )
        if lowered not in DIMENSIONS and lowered != ALL_TAGS and not is_tag(lowered):
            near = get_close_matches(lowered, DIMENSIONS, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Use {', '.join(DIMENSIONS)} or tag:KEY."
            raise UsageError(f"cannot group by {name!r}", hint=hint)
        found.append(lowered)
    return tuple(dict.fromkeys(found))


def split_values(values: Iterable[str]) -> tuple[str, ...]:
    """Split repeated options that may also be comma lists; an empty value stands for requests that have none."""
    parts: list[str] = []
    for value in values:
        parts += [part.strip() for part in value.split(",") if part.strip()] if value.strip() else [""]
    return tuple(dict.fromkeys(parts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which requests are meant. Several values of one filter are alternatives; different filters all have to hold.

    An empty value selects the requests that have none, as in `--project ""`.
    """

    provider: tuple[str, ...] = ()
    """Globs, in any case."""
    model: tuple[str, ...] = ()
    """Globs: with a slash over `provider/model`, without one over the model's own name."""
    client: tuple[str, ...] = ()
    user: tuple[str, ...] = ()
    team: tuple[str, ...] = ()
    project: tuple[str, ...] = ()
    operation: tuple[str, ...] = ()
    session: tuple[str, ...] = ()
    app: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    """The fingerprint or the end of it, such as the last four characters of the key."""
    host: tuple[str, ...] = ()
    branch: tuple[str, ...] = ()
    tag: tuple[tuple[str, str], ...] = ()
    status: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    """`import` stands for every importer."""
    billing: tuple[str, ...] = ()
    unpriced: bool = False
    estimated: bool = False
    cleared: bool = False
    """Billable ones that a recorded statement was compared with."""
    uncleared: bool = False
    """Billable ones that no recorded statement was compared with."""

    @property
    def is_everything(self) -> bool:
        """Whether nothing is filtered."""
        return self == Selection()

    @property
    def needs_rows(self) -> bool:
        """Whether a filter looks at what only detail rows have."""
        return bool(self.session or self.branch or self.tag or self.unpriced or self.cleared or self.uncleared)

    def json(self) -> dict[str, object]:
        """The filters that were given, as a report's envelope names them."""
        given: dict[str, object] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "tag" and value:
                given["tag"] = [f"{key}={text}" for key, text in value]
            elif isinstance(value, tuple) and value:
                given[field.name] = list(value)
            elif value is True:
                given[field.name] = True
        return given

    def takes_model(self, provider: str, model: str) -> bool:
        """Whether a provider and model pass the two globs."""
        if self.provider and not any(_glob(pattern, provider) for pattern in self.provider):
            return False
        return not self.model or any(
            _glob(pattern, f"{provider}/{model}" if "/" in pattern else model) for pattern in self.model
        )

    def takes_attribution(self, name: str, value: str | None) -> bool:
        """Whether a value of an attribution dimension passes its filter."""
        wanted: tuple[str, ...] = getattr(self, name)
        if not wanted:
            return True
        if name == "key" and value is not None:
            return any(text and value.endswith(text) for text in wanted)
        return (value or "") in wanted

    def takes_trait(self, *, status: str, source: str, billing: str, is_estimated: bool) -> bool:
        """Whether a request's nature passes: how it ended, where it came from, who pays, whether it was estimated."""
        if self.estimated and not is_estimated:
            return False
        if self.status and status not in self.status:
            return False
        if self.billing and billing not in self.billing:
            return False
        return not self.source or any(source == text or source.startswith(f"{text}:") for text in self.source)


def _glob(pattern: str, text: str) -> bool:
    return re.match(translate(pattern), text, re.IGNORECASE) is not None


def parse_tags(values: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Read `key=value` pairs, repeated or as comma lists; raises UsageError without an equals sign."""
    pairs = []
    for text in split_values(values):
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UsageError(f"{text!r} is not a tag", hint="Write --tag key=value.")
        pairs.append((key, value))
    return tuple(pairs)


def parse_choices(option: str, values: Iterable[str], allowed: Iterable[str]) -> tuple[str, ...]:
    """Read values of a closed set, repeated or as comma lists; raises UsageError with near matches."""
    choices = tuple(allowed)
    found = split_values(value.lower() for value in values)
    for text in found:
        if text not in choices:
            near = get_close_matches(text, choices, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Use {', '.join(choices)}."
            raise UsageError(f"--{option} has no value {text!r}", hint=hint)
    return found


STATUSES = tuple(status.value for status in Status)
BILLINGS = tuple(billing.value for billing in Billing)


def is_failed(status: str) -> bool:
    """Whether a request counts as failed: by the provider or network, or because our process died."""
    return status in {Status.FAILED.value, Status.INTERRUPTED.value}
