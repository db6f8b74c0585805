"""What `doctor` looks at: each check yields findings, and each finding that is not fine says what to do."""

from collections.abc import Callable, Iterator
from datetime import date

from llmledger.cli._checks_proxy import check_connections
from llmledger.cli._context import Surroundings
from llmledger.cli._findings import Finding
from llmledger.cli._machine import find_keys, find_tools, home_of, open_book, shown_path
from llmledger.core.counted import counted
from llmledger.errors import LedgerError
from llmledger.ledger.finding import Level

OLD_PRICES_DAYS = 90


Check = Callable[[Surroundings], Iterator[Finding]]


def diagnose(world: Surroundings) -> Iterator[Finding]:
    """Run every check; one that cannot be carried out is a finding itself."""
    for subject, check in CHECKS:
        try:
            yield from check(world)
        except LedgerError as problem:
            yield Finding(Level.PROBLEM, subject, problem.message, problem.hint)


def check_settings(world: Surroundings) -> Iterator[Finding]:
    """The settings file can be used."""
    path = world.paths.config_file
    settings = world.config
    there = path.is_file()
    yield Finding(Level.FINE, "settings", shown_path(world, path) + ("" if there else " (not there: all is default)"))
    zone = world.zone_name()
    if zone is not None:
        from llmledger.core.window import zone_named

        zone_named(zone)
    if settings.on_ledger_failure == "pass":
        yield Finding(
            Level.NOTE,
            "settings",
            "requests go on unrecorded when neither ledger nor spool can be written",
            "llmledger config set on_ledger_failure refuse",
        )


def check_prices(world: Surroundings) -> Iterator[Finding]:
    """The price table is whole and not old."""
    book = open_book(world)
    version = book.date_version
    age = (world.now().date() - date.fromisoformat(version[:10].replace(".", "-"))).days
    if age > OLD_PRICES_DAYS:
        text = f"table of {version}, {age} days old: newer models are unpriced"
        yield Finding(Level.NOTE, "prices", text, "llmledger pricing update")
    else:
        yield Finding(Level.FINE, "prices", f"table of {version}, {len(book.provider_names())} providers")


def check_keys(world: Surroundings) -> Iterator[Finding]:
    """Which keys are here, by name, and that nobody else can read them."""
    from llmledger.keys import is_private

    found = [f"{name} ({key.source})" for name, key in find_keys(world, open_book(world))]
    path = world.paths.keys_file
    if found:
        yield Finding(Level.FINE, "keys", ", ".join(found))
    else:
        yield Finding(
            Level.NOTE,
            "keys",
            "none: no model in the cloud can be run",
            "Set the provider's variable, or: llmledger config set-key openai",
        )
    if path.exists() and not is_private(path):
        yield Finding(Level.PROBLEM, "keys", f"{path} can be read by others", f"chmod 600 {path}")


def check_local(world: Surroundings) -> Iterator[Finding]:
    """What can be run without a cloud."""
    from llmledger.local.server import is_available
    from llmledger.local.store import installed

    names = [model.name for model in installed(world.paths.models)]
    if not is_available():
        yield Finding(Level.NOTE, "local", "llama.cpp is not installed", "pip install 'llmledger[local]'")
    elif names:
        yield Finding(Level.FINE, "local", f"llama.cpp, with {', '.join(names)}")
    else:
        yield Finding(Level.FINE, "local", "llama.cpp; local/smollm2 is fetched on first use")
    yield from _servers(world)


def _servers(world: Surroundings) -> Iterator[Finding]:
    from llmledger.operations.backends import address, look_at_all

    book = open_book(world)
    known = [provider for name in book.provider_names() if (provider := book.provider(name)) is not None]
    providers = {one.name: one for one in known if one.local and one.name != "local"}
    configured = world.config.providers
    urls = {
        name: url
        for name, provider in providers.items()
        if (url := address(provider, world.environ, configured[name].base_url if name in configured else None))
    }
    for backend in look_at_all(providers, urls, now=world.now):
        title = backend.provider.title
        if backend.answers:
            yield Finding(Level.FINE, "local", f"{title} at {backend.base_url}, {len(backend.models)} models")
        elif backend.provider.name in configured:
            yield Finding(
                Level.PROBLEM,
                "local",
                f"{title} does not answer at {backend.base_url}",
                "Start it, or correct the config.",
            )


def check_tools(world: Surroundings) -> Iterator[Finding]:
    """Logs of other tools that could be read, and which of them will soon delete some that nobody has read."""
    from contextlib import ExitStack

    from llmledger.cli._import.means import open_existing
    from llmledger.operations.import_plan import expiring_sources

    with ExitStack() as stack:
        reader = open_existing(stack, world.ledger_path())
        late = {
            one.name: one for one in expiring_sources(home_of(world), world.environ, reader=reader, now=world.now())
        }
    for tool in find_tools(world):
        if tool.folder is None:
            continue
        place = f"logs of {tool.title} in {shown_path(world, tool.folder)}"
        if tool.name in late:
            last = late[tool.name].last_imported
            when = f"last imported {last:%Y-%m-%d}" if last else "never imported"
            text = (
                f"{place}: deleted after {late[tool.name].days} days, oldest {late[tool.name].oldest:%Y-%m-%d}, {when}"
            )
            yield Finding(
                Level.NOTE, "tools", text, "llmledger import; by itself: llmledger import --print-schedule cron"
            )
        else:
            yield Finding(Level.FINE, "tools", place)


def check_ledger(world: Surroundings) -> Iterator[Finding]:
    """The ledger opens, only its owner can read it, and it is as durable as this system allows."""
    from llmledger.ledger.health import examine

    path = world.ledger_path()
    if not path.exists():
        yield Finding(
            Level.NOTE, "ledger", f"none yet at {shown_path(world, path)}", "The first run or import makes it."
        )
        return
    for finding in examine(path):
        yield Finding(finding.level, "ledger", finding.text, finding.todo)


def check_reported(world: Surroundings) -> Iterator[Finding]:
    """What providers say that requests cost is what the price table makes of them."""
    from llmledger.core.money import money_text
    from llmledger.ledger import open_reader
    from llmledger.ledger.queries.prices import disagreements

    path = world.ledger_path()
    if not path.exists():
        return
    with open_reader(path) as reader:
        for one in disagreements(reader.connection):
            told, ours = money_text(one.reported_nanousd), money_text(one.computed_nanousd)
            text = (
                f"{one.provider}/{one.model}: reported {told}, by the table {ours} ({counted(one.requests, 'request')})"
            )
            yield Finding(Level.NOTE, "prices", text, f"llmledger pricing show {one.provider}/{one.model}")


def check_statements(world: Surroundings) -> Iterator[Finding]:
    """Nothing came into a period after a statement settled it."""
    from contextlib import ExitStack

    from llmledger.cli._import.means import open_existing
    from llmledger.core.money import money_text
    from llmledger.core.reconcile.cells import time_of
    from llmledger.core.reconcile.sentences import period_text
    from llmledger.ledger.statements.clearance import late_arrivals

    with ExitStack() as stack:
        reader = open_existing(stack, world.ledger_path())
        late = late_arrivals(reader.connection) if reader is not None else []
    for one in late:
        period = period_text(time_of(one.since_ms), time_of(one.until_ms), one.zone)
        what = " and ".join(
            counted(count, word)
            for count, word in ((one.requests, "request"), (one.corrections, "correction"))
            if count
        )
        text = f"{what} ({money_text(one.cost_nanousd)}) came after statement {one.statement} settled {one.provider}, {period}"
        yield Finding(
            Level.PROBLEM,
            "statements",
            text,
            f"Look at report --uncleared --provider {one.provider}, then reconcile undo {one.statement} and --record it again.",
        )


CHECKS: tuple[tuple[str, Check], ...] = (
    ("settings", check_settings),
    ("ledger", check_ledger),
    ("prices", check_prices),
    ("prices", check_reported),
    ("keys", check_keys),
    ("local", check_local),
    ("tools", check_tools),
    ("statements", check_statements),
    ("connect", check_connections),
)
"""In the order that they are told."""
