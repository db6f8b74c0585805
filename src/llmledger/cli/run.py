"""`llmledger run`: send one prompt, show the answer, keep the row."""

from typing import Annotated

import typer

from llmledger.cli._attribution import (
    ClientOption,
    OperationOption,
    ProjectOption,
    SessionOption,
    TagOption,
    TeamOption,
    UserOption,
)
from llmledger.cli._context import surroundings
from llmledger.cli._options import JsonOption, LedgerOption
from llmledger.cli._run.input import STDIN, read_attachments, read_money, read_options, read_prompt

SUMMARY = "Run a prompt on a model and keep a record of it."


def command(
    prompt: Annotated[
        list[str] | None, typer.Argument(metavar="[PROMPT]", help="The prompt; what is piped in comes before it.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("-m", "--model", metavar="PROVIDER/MODEL", help="Such as local/smollm2.")
    ] = None,
    system: Annotated[str | None, typer.Option("-s", "--system", metavar="TEXT", help="System prompt.")] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("-o", "--option", metavar="NAME=VALUE", help="Goes to the model as it is: temperature=0."),
    ] = None,
    attachment: Annotated[
        list[str] | None,
        typer.Option("-a", "--attachment", metavar="FILE|URL|-", help="An image, PDF or audio file; repeatable."),
    ] = None,
    continue_: Annotated[
        bool,
        typer.Option("-c", "--continue", help="Go on with the last conversation whose text was kept, and keep this."),
    ] = False,
    max_tokens: Annotated[
        int | None, typer.Option("--max-tokens", min=1, metavar="N", help="At most so much output.")
    ] = None,
    max_cost: Annotated[
        str | None, typer.Option("--max-cost", metavar="USD", help="Send nothing that could cost more.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show tokens and cost; send nothing.")] = False,
    no_stream: Annotated[bool, typer.Option("--no-stream", help="Show the answer when it is whole.")] = False,
    log_content: Annotated[bool, typer.Option("--log-content", help="Keep prompt and answer in the ledger.")] = False,
    json: JsonOption = False,
    dialect: Annotated[
        str | None, typer.Option("--dialect", metavar="NAME", help="Wire format, where a provider has several.")
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", metavar="URL", help="Send it there; else by the config, or OPENAI_BASE_URL ..."),
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.001, metavar="SECONDS", help="Longest silence.")] = 600,
    client: ClientOption = None,
    user: UserOption = None,
    team: TeamOption = None,
    project: ProjectOption = None,
    operation: OperationOption = None,
    session: SessionOption = None,
    tag: TagOption = None,
    ledger: LedgerOption = None,
) -> None:
    """Run a prompt on a model and keep a record of it.

    Without --model: LLMLEDGER_MODEL, the config, a running Ollama, the embedded model; never a paid one.
    """
    from llmledger.cli._run.model import Wanted
    from llmledger.cli._run.send import Manner, earlier_conversation, send, show_estimate
    from llmledger.dialects._contract import Prompt

    text = read_prompt(prompt, stdin_is_attached=STDIN in (attachment or ()))
    max_cost_nanousd = read_money(max_cost)
    earlier = earlier_conversation(session, ledger) if continue_ else None
    asked = Prompt(
        model="",
        text=text,
        system=system or (earlier.system if earlier else None),
        stream=not no_stream,
        max_output_tokens=max_tokens,
        options=read_options(option),
        attachments=read_attachments(attachment),
        history=earlier.messages if earlier else (),
    )
    wanted = Wanted(model=model, earlier=earlier.name if earlier else None, dialect=dialect, base_url=base_url)
    if dry_run:
        show_estimate(asked, wanted, json=json)
        return
    flags = {"client": client, "user": user, "team": team, "project": project, "operation": operation}
    manner = Manner(
        max_cost_nanousd=max_cost_nanousd,
        timeout_s=timeout,
        keeps_content=log_content or continue_ or surroundings().config.store_content,
        json=json,
        flags={**flags, "session": session or (earlier.session if earlier else None)},
        tags=tag,
        ledger=ledger,
    )
    send(asked, wanted, manner)
