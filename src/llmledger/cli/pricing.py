"""`llmledger pricing`: what models cost, since when, and where that is known from."""

import typer

from llmledger.cli import _pricing_check, _pricing_cost, _pricing_list, _pricing_set, _pricing_show

SUMMARY = "What models cost: list, show, cost, set, check, update, diff, history."

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=SUMMARY)
app.command("list")(_pricing_list.command)
app.command("show")(_pricing_show.command)
app.command("cost")(_pricing_cost.command)
app.command("set")(_pricing_set.command)
app.command("check")(_pricing_check.command)
