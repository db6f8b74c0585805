"""`llmledger doctor`: is everything as it should be, and if not, what to do."""

from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption
from llmledger.cli._render import envelope, out, paint, width
from llmledger.core.calm import calm
from llmledger.errors import AnswerIsNo

SUMMARY = "Check the ledger, prices, keys and local models, and say what to do."

_INDENT = 14
_MARKS = {"fine": ("ok", "green"), "note": ("--", "yellow"), "problem": ("!!", "red")}


def command(json: JsonOption = False) -> None:
    """Check the settings, ledger, prices, keys, local models, other tools' logs and what is
    connected to the proxy; exit code 1 if something is wrong.

    Nothing is created or changed, and no key is shown.
    """
    from dataclasses import asdict

    from llmledger.cli._checks import diagnose
    from llmledger.ledger.finding import Level

    findings = list(diagnose(surroundings()))
    problems = [finding for finding in findings if finding.level is Level.PROBLEM]
    if json:
        out(envelope("llmledger.doctor/1", {"rows": [asdict(finding) for finding in findings]}))
    else:
        for finding in findings:
            mark, style = _MARKS[finding.level]
            out(f"{paint(mark, style)}  {finding.subject:<9} {_wrapped(calm(finding.text))}")
            if finding.todo:
                out(f"{'':{_INDENT}}{_wrapped(calm(finding.todo))}")
    if problems:
        raise AnswerIsNo(f"{len(problems)} of {len(findings)} findings need you")


def _wrapped(text: str) -> str:
    """The text in as many lines as the terminal needs; paths and words stay whole."""
    from textwrap import wrap

    lines = wrap(text, max(width() - _INDENT, 30), break_long_words=False, break_on_hyphens=False)
    return ("\n" + " " * _INDENT).join(lines)
