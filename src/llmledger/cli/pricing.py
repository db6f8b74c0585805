"""`llmledger pricing`: what models cost, since when, and where that is known from."""

import typer

from llmledger.cli import (
    _pricing_check,
    _pricing_cost,
    _pricing_diff,
    _pricing_history,
    _pricing_list,
    _pricing_set,
    _pricing_show,
    _pricing_update,
)

SUMMARY = "What models cost: list, show, cost, set, check, update, diff, history."

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=SUMMARY)
app.command("list")(_pricing_list.command)
app.command("show")(_pricing_show.command)
app.command("cost")(_pricing_cost.command)
app.command("set")(_pricing_set.command)
app.command("check")(_pricing_check.command)
app.command("update")(_pricing_update.command)
app.command("diff")(_pricing_diff.command)
app.command("history")(_pricing_history.command)
