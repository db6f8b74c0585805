"""`llmledger prune`: let old detail go, and keep every total."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption, LedgerOption, YesOption
from llmledger.cli._render import confirm_dry_run, envelope, out, progress
from llmledger.cli._select import Chosen, reading
from llmledger.core.money import money_text, usd_text
from llmledger.errors import UsageError

if TYPE_CHECKING:
    from llmledger.core.period import Clock
    from llmledger.ledger.retention import Cut
    from llmledger.operations.prune import Pruned

SUMMARY = "Let old texts, detail and roll-ups go; every total stays."
SCHEMA = "llmledger.prune/1"
WORDS = {
    "content": "prompt and response texts",
    "detail": "requests as single rows",
    "rollups": "hours, quarter-hours and days (their months stay)",
}


def command(
    older_than: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="30d, 13mo, 2026-01-01 ...; the days before.")
    ] = None,
    what: Annotated[
        list[str] | None,
        typer.Option("--what", metavar="LIST", help="content, detail, rollups. Default: content,detail."),
    ] = None,
    auto: Annotated[
        bool, typer.Option("--auto", help="By [retention] of the config, without asking: for cron.")
    ] = False,
    archive: Annotated[
        Path | None,
        typer.Option("--archive", metavar="DIR", help="First write what goes there; with --user, erase there too."),
    ] = None,
    require_cleared: Annotated[
        bool, typer.Option("--require-cleared", help="Refuse days that no recorded statement covers.")
    ] = False,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Forget a person instead; totals stay.")
    ] = None,
    yes: YesOption = False,
    json: JsonOption = False,
    ledger: LedgerOption = None,
) -> None:
    """Let old texts, detail and roll-ups go; every total stays. A dry run unless --yes is given.

    Detail lives on in the roll-ups by day, hour and quarter-hour; an archive can be imported again.
    """
    path = surroundings().ledger_path(ledger)
    if user is not None:
        from llmledger.cli._prune_user import forget

        if older_than is not None or what or auto or require_cleared:
            raise UsageError("--user forgets a person, of any time", hint="It goes with --archive, --yes and --json.")
        forget(path, user, archive, yes=yes, json=json)
        return
    from llmledger.operations.prune import PruneRequest, plan_prune, prune

    world = surroundings()
    _ages(Chosen().clock(), older_than, what, auto=auto)  # what cannot be meant is told also where there is no ledger
    with reading(ledger) as reader:
        ages = _ages(Chosen().clock(reader.home_zone), older_than, what, auto=auto)
        request = PruneRequest(older_than=ages, archive=archive, require_cleared=require_cleared)
        if not (yes or auto):
            _show_plan(plan_prune(reader, request), json=json)
            return
        with progress("Pruning") as bar:
            done = prune(reader, path, request, now=world.now, advance=bar.advance)
    _show_done(done, json=json)


def _ages(clock: "Clock", older_than: str | None, what: list[str] | None, *, auto: bool) -> dict[str, datetime]:
    """How old each tier must be to go: by the options, or by the settings."""
    from llmledger.core.period import parse_older_than
    from llmledger.core.selection import parse_choices

    if auto:
        policy = surroundings().config.retention
        if not policy:
            raise UsageError("the config has no retention", hint='Write [retention] detail = "30d" into it.')
        return {tier: parse_older_than(policy[tier], clock) for tier in WORDS if tier in policy}
    if older_than is None:
        raise UsageError("how old must it be to go?", hint="Give --older-than 30d, or --auto for the config's policy.")
    tiers = parse_choices("what", what or ["content,detail"], WORDS)
    return {tier: parse_older_than(older_than, clock) for tier in WORDS if tier in tiers}


def _show_plan(cuts: "tuple[Cut, ...]", *, json: bool) -> None:
    from llmledger.core.window import from_unix_ms

    if json:
        rows = [
            {
                "tier": cut.tier,
                "before": from_unix_ms(cut.before_ms),
                "removed": cut.count,
                "cost_usd": usd_text(cut.nanousd),
            }
            for cut in cuts
        ]
        out(envelope(SCHEMA, {"dry_run": True, "tiers": rows}))
        return
    for cut in cuts:
        cost = f", {money_text(cut.nanousd)} of cost stays in the totals" if cut.tier == "detail" else ""
        out(f"{cut.count:,} {WORDS[cut.tier]} before {from_unix_ms(cut.before_ms):%Y-%m-%d %H:%M} UTC would go{cost}.")
    confirm_dry_run(False, "remove them")


def _show_done(done: "Pruned", *, json: bool) -> None:
    if json:
        receipts = [receipt.json() for receipt in done.receipts]
        sizes = {"bytes_before": done.bytes_before, "bytes_after": done.bytes_after}
        out(envelope(SCHEMA, {"dry_run": False, "tiers": receipts, **sizes}))
        return
    for receipt in done.receipts:
        cost = f", {money_text(receipt.nanousd)} of cost kept in the totals" if receipt.tier == "detail" else ""
        out(f"{receipt.removed:,} {WORDS[receipt.tier]} before {receipt.before:%Y-%m-%d %H:%M} UTC removed{cost}.")
        if receipt.archive:
            out(f"archive {receipt.archive} sha256 {receipt.archive_sha256}")
    out(f"{done.bytes_before:,} bytes before, {done.bytes_after:,} after.")
