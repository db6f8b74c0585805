"""Sending one prompt: its destination, its limits, its row, what is shown of it and what is kept."""

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from llmledger.cli._attribution import attribution
from llmledger.cli._context import surroundings
from llmledger.cli._render import note, out
from llmledger.cli._run.model import Wanted, choose, destination
from llmledger.errors import InputFileError, UsageError

if TYPE_CHECKING:
    from llmledger.core.words import Billing
    from llmledger.dialects._contract import Prompt
    from llmledger.ledger import Ledger
    from llmledger.ledger.conversations import Conversation
    from llmledger.operations._destination import Destination
    from llmledger.operations.run_prompt import Answer, Delivery
    from llmledger.pricebook import PriceBook


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one prompt is run and shown."""

    max_cost_nanousd: int | None = None
    timeout_s: float = 600
    keeps_content: bool = False
    json: bool = False
    flags: Mapping[str, str | None]
    """Attribution, as given."""
    tags: Sequence[str] | None = None
    ledger: Path | None = None


def price_book() -> "PriceBook":
    """The price table of this user."""
    from llmledger.pricebook import load

    return load(surroundings().pricing_folders())


def earlier_conversation(session: str | None, ledger: Path | None) -> "Conversation":
    """The conversation to go on with. Raises UsageError when there is none whose text was kept."""
    from llmledger.ledger import open_reader
    from llmledger.ledger.conversations import last_conversation

    path = surroundings().ledger_path(ledger)
    found = None
    if path.exists():
        with open_reader(path) as reader:
            found = last_conversation(reader, session)
    if found is None:
        raise UsageError(
            "there is no conversation to go on with: no text of an earlier run was kept",
            hint="Texts are kept with --log-content, or always: llmledger config set store_content true",
        )
    return found


def send(prompt: "Prompt", wanted: Wanted, manner: Manner) -> None:
    """Choose the model, send the prompt, show the answer, keep the row. Raises what went wrong, after that."""
    from llmledger.cli._writing import writing

    book = price_book()
    name = choose(wanted, book).name
    with destination(name, wanted, book) as to, writing(manner.ledger) as ledger:
        prompt = replace(prompt, model=to.model)
        delivery = _delivery(to, manner, ledger, book)
        if manner.max_cost_nanousd is not None:
            from llmledger.operations.limit_cost import limit_cost

            prompt = limit_cost(prompt, to, manner.max_cost_nanousd, book, at=surroundings().now())
        answer = _answered(prompt, to, ledger, manner, delivery, book)
        if manner.keeps_content:
            _keep_content(ledger, prompt, answer)
    _conclude(answer, manner)


def _delivery(to: "Destination", manner: Manner, ledger: "Ledger", book: "PriceBook") -> "Delivery":
    from llmledger.cli._run.output import tell_wait
    from llmledger.core.redaction import fingerprint
    from llmledger.operations.run_prompt import Delivery
    from llmledger.upstream.http import Patience

    flags = dict(manner.flags)
    if manner.keeps_content and not (flags.get("session") or surroundings().environ.get("LLMLEDGER_SESSION")):
        flags["session"] = os.urandom(8).hex()
    key = fingerprint(to.key, ledger_id=ledger.ledger_id) if to.key else None
    return Delivery(
        patience=Patience(silence_s=manner.timeout_s),
        sleep=time.sleep,
        attribution=attribution(flags, manner.tags, key=key),
        billing=_billing(to, book),
        on_wait=tell_wait,
    )


def _billing(to: "Destination", book: "PriceBook") -> "Billing":
    """How it is paid: as the settings say, else by the provider. What a local server passes on has no price."""
    from llmledger.core.usage import Usage
    from llmledger.core.words import Billing, Outcome

    told = surroundings().config.billing.get(to.provider.name)
    if told:
        return Billing(told)
    if not to.provider.local:
        return Billing.API
    cost = book.price(to.provider.name, to.model, Usage(output_tokens=1), at=surroundings().now())
    return Billing.UNKNOWN if cost.outcome is Outcome.UNPRICED else Billing.LOCAL


def _answered(
    prompt: "Prompt", to: "Destination", ledger: "Ledger", manner: Manner, delivery: "Delivery", book: "PriceBook"
) -> "Answer":
    """Run the prompt; its text goes to stdout as it comes, unless one JSON object was asked for."""
    from llmledger.cli._run.output import TextStream
    from llmledger.cli._writing import new_request_id
    from llmledger.operations.record import Recorder
    from llmledger.operations.run_prompt import run_prompt

    recorder = Recorder(store=ledger, prices=book, now=surroundings().now, new_id=new_request_id)
    if manner.json:
        return run_prompt(prompt, to, recorder, delivery)
    stream = TextStream()
    try:
        answer = run_prompt(prompt, to, recorder, replace(delivery, on_text=stream.write))
        stream.end()
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise InputFileError(f"the answer cannot be written: {problem.strerror}") from None
    return answer


def _keep_content(ledger: "Ledger", prompt: "Prompt", answer: "Answer") -> None:
    from llmledger.ledger.conversations import prompt_text

    begun = answer.finished.begun
    ledger.store_content(
        begun.request_id,
        begun.started_at,
        prompt=prompt_text(prompt.text, prompt.system),
        response=answer.text or None,
    )


def _conclude(answer: "Answer", manner: Manner) -> None:
    """Show what is to be shown at the end, then raise what went wrong."""
    from llmledger.cli._run.output import answer_json, summary_line
    from llmledger.core.words import Status

    if manner.json:
        out(answer_json(answer))
    note(summary_line(answer.finished), style_name="dim")
    if answer.failure is not None:
        raise answer.failure
    if answer.finished.status is Status.CANCELLED:
        raise KeyboardInterrupt


def show_estimate(prompt: "Prompt", wanted: Wanted, *, json: bool) -> None:
    """Show what the prompt would cost, and send nothing."""
    from llmledger.cli._estimates import DEFAULT_OUTPUT, show
    from llmledger.operations.estimate import Question, estimate_prompt
    from llmledger.operations.run_prompt import all_text

    book = price_book()
    name = choose(wanted, book).name
    question = Question(
        text=all_text(prompt), max_output_tokens=prompt.max_output_tokens or DEFAULT_OUTPUT, at=surroundings().now()
    )
    show(estimate_prompt(question, [name], book), question, json=json)
    note("Nothing was sent (--dry-run).", style_name="dim")
