"""`llmledger pricing`: what models cost, since when, and where that is known from."""

import typer

from llmledger.cli._pricing import check, cost, diff, history, show, update
from llmledger.cli._pricing import list as list_
from llmledger.cli._pricing import set as set_

SUMMARY = "What models cost: list, show, cost, set, check, update, diff, history."

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True, help=SUMMARY)
app.command("list")(list_.command)
app.command("show")(show.command)
app.command("cost")(cost.command)
app.command("set")(set_.command)
app.command("check")(check.command)
app.command("update")(update.command)
app.command("diff")(diff.command)
app.command("history")(history.command)
