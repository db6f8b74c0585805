"""One import of a command line: the plan, the questions, the run, and following what is appended."""

import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._import.means import KINDS, means, open_existing, orders_of
from llmledger.cli._import.show import plan_json, results_json, show_plan, show_results
from llmledger.cli._interrupt import interrupt_put_off
from llmledger.cli._render import note, out, progress
from llmledger.cli._writing import writing
from llmledger.core.words import Billing

if TYPE_CHECKING:
    from llmledger.ledger import Ledger
    from llmledger.operations.import_logs import SourceOrder, SourceResult
    from llmledger.operations.import_plan import Source, SourcePlan

POLL_SECONDS = 2.0


class ImportTask:
    """What one command line imports, from where, and what the user said about it."""

    def __init__(
        self, path: Path, chosen: "Sequence[Source]", since: datetime | None, *, billing: str | None, json: bool
    ) -> None:
        self._path, self._since, self._billing, self._json = path, since, billing, json
        self._orders = self._ordered(chosen)
        self._said = {order.name: billing for order in self._orders} if billing else {}

    def _ordered(self, chosen: "Sequence[Source]") -> "list[SourceOrder]":
        with ExitStack() as stack:
            return orders_of(chosen, self._billing, open_existing(stack, self._path))

    def agreed(self, *, dry_run: bool) -> bool:
        """Show the plan and ask; without a terminal nothing is imported."""
        world = surroundings()
        is_person = world.stdin.isatty() and world.stderr.isatty() and not dry_run
        if is_person:
            self._ask_billing()
        plans = self._plan()
        if self._json:
            out(plan_json(plans))
        else:
            show_plan(plans)
        if not is_person:
            note("Nothing was imported. To do it: llmledger import --yes")
            return False
        if not any(plan.requests for plan in plans):
            note("There is nothing new.")
            return False
        return typer.confirm("Import this?", default=True, err=True)

    def _ask_billing(self) -> None:
        """Ask once how a source is paid, where neither its logs nor any setting tell."""
        for number, order in enumerate(self._orders):
            if order.billing is Billing.UNKNOWN and order.name not in self._said:
                question = f"How is {order.name} paid? ({', '.join(KINDS)}; Enter if you do not know)"
                answer = typer.prompt(question, default="", show_default=False, err=True).strip().lower()
                if answer in KINDS:
                    self._said[order.name] = answer
                    self._orders[number] = replace(order, billing=Billing(answer))

    def _plan(self) -> "list[SourcePlan]":
        from llmledger.operations.import_plan import plan_import

        with ExitStack() as stack, progress("Reading", self._size(), is_bytes=True) as bar:
            reader = open_existing(stack, self._path)
            return list(plan_import(self._orders, means(self._since, bar.advance), reader=reader))

    def _size(self) -> int:
        return sum(path.stat().st_size for order in self._orders for path in order.files if path.exists())

    def run(self) -> "list[SourceResult]":
        """Import, and show what became of it."""
        with self._open() as ledger:
            self._remember(ledger)
            results = self._import(ledger, self._orders)
        if self._json:
            out(results_json(results))
        else:
            show_results(results)
        return results

    def _open(self) -> "AbstractContextManager[Ledger]":
        from llmledger.ledger.imports import PATIENT

        return writing(self._path, manners=PATIENT)

    def _remember(self, ledger: "Ledger") -> None:
        from llmledger.ledger.imports import remember_billing

        for name, kind in self._said.items():
            remember_billing(ledger, f"import:{name}", kind)

    def _import(
        self, ledger: "Ledger", orders: "Sequence[SourceOrder]", *, quiet: bool = False
    ) -> "list[SourceResult]":
        from llmledger.operations.import_logs import LedgerSink, import_logs

        with LedgerSink(ledger, surroundings().now) as sink:
            if quiet:
                return list(import_logs(orders, sink, means(self._since)))
            with progress("Importing", self._size(), is_bytes=True) as bar:
                return list(import_logs(orders, sink, means(self._since, bar.advance)))

    def watch(self, find: "Callable[[], Sequence[Source]]") -> None:
        """Look for appended lines and new files every two seconds, until Ctrl-C; a round that has begun is told of."""
        note("Watching; Ctrl-C ends it.")
        pause = threading.Event()
        try:
            while not pause.wait(POLL_SECONDS):
                with interrupt_put_off():
                    self._follow(self._ordered(find()))
        except KeyboardInterrupt:
            note("Stopped.")

    def _follow(self, orders: "Sequence[SourceOrder]") -> None:
        with self._open() as ledger:
            results = self._import(ledger, orders, quiet=True)
        for one in results:
            if one.added or one.snapshots or one.problems:
                corrected = f", {one.snapshots:,} corrected" if one.snapshots else ""
                note(f"{surroundings().now():%H:%M:%S}  {one.name}: {one.added:,} new{corrected}")
