"""`llmledger estimate`: what a prompt would cost on several models, without asking anybody."""

from typing import Annotated

import typer

from llmledger.cli._context import surroundings
from llmledger.cli._estimates import DEFAULT_OUTPUT
from llmledger.cli._options import JsonOption
from llmledger.cli._run.input import read_prompt

SUMMARY = "Estimate tokens and cost of a prompt on several models, offline."

DEFAULT_MODELS = (
    "openai/gpt-5-mini",
    "openai/gpt-5",
    "anthropic/claude-sonnet-4-5",
    "gemini/gemini-2.5-flash",
    "deepseek/deepseek-chat",
    "local/smollm2",
)
"""What is shown when nobody names a model: a few that many know, and the one that is free."""


def command(
    prompt: Annotated[
        list[str] | None, typer.Argument(metavar="[PROMPT]", help="The prompt; what is piped in comes before it.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("-m", "--model", metavar="PROVIDER/MODEL", help="Repeatable, or a comma list.")
    ] = None,
    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="System prompt.")] = None,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=0, metavar="N", help="Output that the high end allows for.")
    ] = DEFAULT_OUTPUT,
    json: JsonOption = False,
) -> None:
    """Estimate tokens and cost of a prompt on several models, side by side; nothing is sent."""
    from llmledger.cli._estimates import show
    from llmledger.cli._run.send import price_book
    from llmledger.operations.choose_model import read_name
    from llmledger.operations.estimate import Question, estimate_prompt

    text = "\n".join(part for part in (system, read_prompt(prompt, stdin_is_attached=False)) if part)
    book = price_book()
    wanted = [name.strip() for one in model or DEFAULT_MODELS for name in one.split(",") if name.strip()]
    question = Question(text=text, max_output_tokens=max_tokens, at=surroundings().now())
    show(estimate_prompt(question, [read_name(name, book) for name in wanted], book), question, json=json)
