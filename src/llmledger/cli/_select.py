"""Selecting requests on the command line: the options that report, log, export, check, assign and prune share, once.

`@takes_selection` gives a command all of them, and hands it their values as one `Chosen`.
"""

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._render import warn
from llmledger.core.period import Clock, parse_window
from llmledger.core.selection import BILLINGS, STATUSES, Selection, parse_choices, parse_tags, split_values
from llmledger.core.window import Window, zone_named
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from llmledger.ledger import Reader

TIME, WHICH = "Time", "Which requests"
_VALUES = ("client", "user", "team", "project", "operation", "session", "app", "key", "host", "branch", "source")


def _text(*names: str, help: str, panel: str = TIME, metavar: str = "WHEN") -> Any:
    option = typer.Option(*names, metavar=metavar, help=help, show_default=False, rich_help_panel=panel)
    return Annotated[str | None, option]


def _texts(name: str, *names: str, help: str) -> Any:
    option = typer.Option(
        *(names or (f"--{name}",)), metavar=name.upper(), help=help, show_default=False, rich_help_panel=WHICH
    )
    return Annotated[list[str] | None, option]


def _flag(name: str, *, help: str) -> Any:
    return Annotated[bool, typer.Option(f"--{name}", help=help, rich_help_panel=WHICH)]


OPTIONS: dict[str, tuple[Any, object]] = {
    "since": (_text("--since", help="From then on: 7d, yesterday, 2026-10, 2026-10-05T14:30Z ..."), None),
    "until": (_text("--until", help="Up to then; a date includes that day."), None),
    "period": (_text("-p", "--period", help="A whole range: 7d, lastmonth, 2026q4, A..B ..."), None),
    "timezone": (_text("-z", "--timezone", metavar="ZONE", help="Whose days, as Europe/Berlin."), None),
    "model": (_texts("model", "-m", "--model", help="Globs: claude-*, openai/*."), None),
    "provider": (_texts("provider", help="Globs."), None),
    "client": (_texts("client", help="For whom it was made."), None),
    "user": (_texts("user", help="Who made it."), None),
    "team": (_texts("team", help="The user's team."), None),
    "project": (_texts("project", help="What it was made for."), None),
    "operation": (_texts("operation", help="The kind of work."), None),
    "session": (_texts("session", help="One conversation."), None),
    "app": (_texts("app", help="The program that asked."), None),
    "key": (_texts("key", help="End of an API key's fingerprint."), None),
    "host": (_texts("host", help="The machine."), None),
    "branch": (_texts("branch", help="The git branch."), None),
    "tag": (_texts("k=v", "--tag", help="A tag, as feature=search."), None),
    "status": (_texts("status", help=f"{', '.join(STATUSES)}."), None),
    "source": (_texts("source", help="run, proxy, api, import, import:TOOL."), None),
    "billing": (_texts("billing", help=f"{', '.join(BILLINGS)}."), None),
    "unpriced": (_flag("unpriced", help="Only those without a price."), False),
    "estimated": (_flag("estimated", help="Only those whose numbers are estimates."), False),
    "cleared": (_flag("cleared", help="Only those that a recorded statement covers."), False),
    "uncleared": (_flag("uncleared", help="Only billable ones that none covers yet."), False),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What was given to the selecting options, as it was typed."""

    since: str | None = None
    until: str | None = None
    period: str | None = None
    timezone: str | None = None
    model: list[str] | None = None
    provider: list[str] | None = None
    client: list[str] | None = None
    user: list[str] | None = None
    team: list[str] | None = None
    project: list[str] | None = None
    operation: list[str] | None = None
    session: list[str] | None = None
    app: list[str] | None = None
    key: list[str] | None = None
    host: list[str] | None = None
    branch: list[str] | None = None
    tag: list[str] | None = None
    status: list[str] | None = None
    source: list[str] | None = None
    billing: list[str] | None = None
    unpriced: bool = False
    estimated: bool = False
    cleared: bool = False
    uncleared: bool = False

    def selection(self) -> Selection:
        """The filters; raises UsageError for a value that cannot be meant."""
        if self.cleared and self.uncleared:
            raise UsageError(
                "--cleared and --uncleared exclude each other", hint="Give one of them, or neither for all."
            )
        plain = {name: split_values(getattr(self, name) or ()) for name in (*_VALUES, "model", "provider")}
        return Selection(
            **plain,
            tag=parse_tags(self.tag or ()),
            status=parse_choices("status", self.status or (), STATUSES),
            billing=parse_choices("billing", self.billing or (), BILLINGS),
            unpriced=self.unpriced,
            estimated=self.estimated,
            cleared=self.cleared,
            uncleared=self.uncleared,
        )

    def clock(self, home_zone: str = "UTC") -> Clock:
        """The present, in the zone asked for: `-z`, else LLMLEDGER_TZ, else the settings, else the ledger's own."""
        world = surroundings()
        name = world.zone_name(self.timezone) or home_zone
        zone_named(name)
        return Clock(world.now(), name)

    def window(self, home_zone: str = "UTC") -> Window:
        """The range of time; raises UsageError for what is no time."""
        return parse_window(self.clock(home_zone), period=self.period, since=self.since, until=self.until)

    def check(self) -> None:
        """Refuse what cannot be meant, whether or not there is a ledger; raises UsageError."""
        self.selection()
        self.window()


NAMES = tuple(field.name for field in fields(Chosen))


def takes_selection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command every selecting option; it receives them as its keyword argument `chosen`."""
    own = inspect.signature(command, eval_str=True)
    shared = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in OPTIONS.items()
        if name not in own.parameters
    ]
    mine = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for parameter in own.parameters.values()
        if parameter.name != "chosen"
    ]

    @wraps(command)
    def with_selection(**given: Any) -> Any:
        chosen = Chosen(**{name: given.pop(name) for name in NAMES if name in given})
        chosen.check()
        return command(chosen=chosen, **given)

    parameters = [*mine, *shared]
    with_selection.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    with_selection.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    del with_selection.__wrapped__
    return with_selection


@contextmanager
def reading(ledger: Path | list[Path] | None) -> Iterator["Reader"]:
    """A ledger, or several as one, open for reading; raises StorageError."""
    from llmledger.ledger import open_reader

    if isinstance(ledger, list) and len(ledger) > 1:
        from llmledger.operations.merge import as_one

        paths = [surroundings().ledger_path(path) for path in ledger]
        with as_one(paths, now=surroundings().now, warn=warn) as joined:
            yield joined
        return
    ledger = ledger[0] if isinstance(ledger, list) and ledger else None if isinstance(ledger, list) else ledger
    with open_reader(surroundings().ledger_path(ledger)) as reader:
        yield reader
