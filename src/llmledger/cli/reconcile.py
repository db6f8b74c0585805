"""`llmledger reconcile`: explain every cent between the ledger and a provider's bill."""

from pathlib import Path
from typing import Annotated, Any

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption, LedgersOption
from llmledger.cli._render import out
from llmledger.errors import AnswerIsNo, UsageError

SUMMARY = "Explain every cent between the ledger and a provider's bill; `list`, `show ID`, `undo ID` for recorded ones."


def command(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE...", help="Statements as downloaded (CSV, JSON, ZIP, gzip); or list, show ID, undo ID."
        ),
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", metavar="PROVIDER", help="The ledger's name of the provider.")
    ] = None,
    period: Annotated[
        str | None, typer.Option("-p", "--period", metavar="WHEN", help="Only this period, as 2026-10.")
    ] = None,
    ledger: LedgersOption = None,
    by: Annotated[str, typer.Option("--by", metavar="model|day|key", help="What the second table is by.")] = "model",
    class_: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="List the findings of a class.")
    ] = None,
    tolerance: Annotated[
        str | None, typer.Option("--tolerance", metavar="AMOUNT", help="May stay unexplained: 0.50 or 1%.")
    ] = None,
    fx: Annotated[
        list[str] | None, typer.Option("--fx", metavar="CUR=RATE", help="USD for one unit: CNY=0.1391.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE", help="Read any table by these rules.")
    ] = None,
    init_rules: Annotated[bool, typer.Option("--init-rules", help="Draft rules for the file, and stop.")] = False,
    total: Annotated[
        str | None, typer.Option("--total", metavar="AMOUNT", help="An invoice's total: 412.33USD.")
    ] = None,
    tax: Annotated[str | None, typer.Option("--tax", metavar="AMOUNT", help="The tax inside the total.")] = None,
    credits_bought: Annotated[
        str | None, typer.Option("--credits-bought", metavar="AMOUNT", help="Prepaid: credits bought in the period.")
    ] = None,
    opening: Annotated[
        str | None, typer.Option("--opening", metavar="AMOUNT", help="Prepaid: the balance before it.")
    ] = None,
    expired: Annotated[
        str | None, typer.Option("--expired", metavar="AMOUNT", help="Prepaid: credits that expired in it.")
    ] = None,
    closing: Annotated[
        str | None, typer.Option("--closing", metavar="AMOUNT", help="Prepaid: the balance after it.")
    ] = None,
    record: Annotated[bool, typer.Option("--record", help="Keep it, and let charged sums equal the bill.")] = False,
    fetch: Annotated[
        str | None,
        typer.Option("--fetch", metavar="PROVIDER", help="Get it: openai, anthropic or openrouter (admin key)."),
    ] = None,
    formats: Annotated[bool, typer.Option("--formats", help="List the formats that are known.")] = False,
    format: Annotated[str, typer.Option("--format", metavar="NAME", help="table, json, csv, md or html.")] = "table",
    json: JsonOption = False,
) -> None:
    """Compare a provider's statement with the ledger, and put every cent of the difference in a class with its evidence.

    Exit code 1 when more stays unexplained than --tolerance (the larger of $1 and 0.1 % of the bill). Prepaid credits:
    opening + bought - used - expired = closing; what was used is compared.
    """
    from llmledger.cli._reconcile.kept import answer_about_kept, list_formats
    from llmledger.cli._reconcile.task import Wish, compared, draft

    words = files or []
    wish = Wish(
        files=tuple(Path(word) for word in words),
        provider=provider,
        period=period,
        tolerance=tolerance,
        fx=tuple(fx or ()),
        rules=rules,
        total=total,
        tax=tax,
        balance=(opening, credits_bought, expired, closing),
        fetch=fetch,
    )
    wanted, heading, class_ = _format("json" if json else format), _by(by), _class(class_)
    if formats:
        list_formats()
    elif words and words[0] in ("list", "show", "undo") and not Path(words[0]).exists():
        answer_about_kept(words, ledger, class_=class_, wanted=wanted)
    elif init_rules:
        out(draft(wish), end="")
    else:
        _answer(compared(wish, ledger, record=record), by=heading, class_=class_, wanted=wanted)


def _format(text: str) -> str:
    if text not in ("table", "json", "csv", "md", "html"):
        raise UsageError(f"--format {text!r} is unknown", hint="Give table, json, csv, md or html.")
    return text


def _by(text: str) -> str:
    if text not in ("model", "day", "key"):
        raise UsageError(f"--by {text!r} is unknown", hint="Give model, day or key.")
    return text


def _class(text: str | None) -> str | None:
    """The words of a class as it is written anywhere: other_key, other-key, Other key."""
    if text is None:
        return None
    from llmledger.core.reconcile.causes import Cause, is_class

    if not is_class("ambiguous", text) and not any(is_class(cause, text) for cause in Cause):
        names = ", ".join(str(cause).replace(",", "").replace(" ", "_") for cause in Cause)
        raise UsageError(f"--class {text!r} is unknown", hint=f"There are {names}, ambiguous.")
    return text


def _answer(all_found: list[Any], *, by: str, class_: str | None, wanted: str) -> None:
    from llmledger.cli._reconcile.data import as_csv, as_json
    from llmledger.cli._reconcile.pages import as_html, as_markdown
    from llmledger.cli._reconcile.text import Shown, as_text
    from llmledger.cli._render import envelope
    from llmledger.core.counted import counted
    from llmledger.core.reconcile.sentences import usd

    shown = Shown(by=by, chosen=class_, today=surroundings().now().date())
    if wanted == "json":
        out(envelope("llmledger.reconcile/1", {"statements": [as_json(found, shown) for found in all_found]}))
    elif wanted == "csv":
        out(as_csv(all_found, shown), end="")
    elif wanted == "html":
        out(as_html(all_found, shown), end="")
    elif wanted == "md":
        out("\n\n".join(as_markdown(found, shown) for found in all_found))
    else:
        out("\n\n".join(as_text(found, shown) for found in all_found))
    open_ones = [found for found in all_found if not found.is_explained and not found.is_alone]
    if open_ones:
        left = max(open_ones, key=lambda found: found.unsettled - found.tolerance)
        more = f" ({counted(len(open_ones), 'statement')} of {len(all_found)} like this)" if len(all_found) > 1 else ""
        raise AnswerIsNo(
            f"{left.statement.name}: {usd(left.unsettled)} stays unexplained, the tolerance is {usd(left.tolerance)}{more}",
            hint="`--class unexplained` lists it; --tolerance allows more.",
        )
