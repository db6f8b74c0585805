"""What opens a row from a request on the wire, and what never gets into one."""

import json
from dataclasses import replace

import pytest

from llmledger.config import MapRule
from llmledger.core.request import Attribution
from llmledger.core.words import Billing, Status
from llmledger.dialects._contract import Reading
from llmledger.operations.wire import Keeper, Place, ended_as, open_meter, open_request, without_echo

KEEPER = Keeper(source="proxy", fingerprint=lambda key: f"…{key[-4:]}", billing={"corp": "subscription"})
CHAT = Place(provider="openai", endpoint="/v1/chat/completions", dialect="openai_chat")
BODY = json.dumps({"model": "gpt-5", "max_tokens": 9, "messages": [{"content": "x" * 10}], "user": "ann"}).encode()


def test_a_row_is_opened_with_what_the_request_says() -> None:
    """Model, limit, user, key and an estimate of the input: ten characters and the role count as three tokens."""
    opening, facts = open_request(CHAT, {"authorization": "Bearer sk-abcd"}, "", BODY, KEEPER)

    assert (opening.model, opening.max_output_tokens, opening.input_tokens) == ("gpt-5", 9, 3)
    assert (opening.attribution.user, opening.attribution.key) == ("ann", "…abcd")
    assert (opening.billing, opening.source, opening.dialect) == (Billing.API, "proxy", "openai_chat")
    assert facts.model == "gpt-5"


def test_a_place_that_nobody_knows_opens_a_row_too() -> None:
    """Without a format there is no meter; the settings may say how the provider is paid."""
    place = Place(provider="corp", endpoint="/x")
    opening, facts = open_request(place, {}, "a=b", b"anything", KEEPER)

    assert (opening.dialect, opening.model, opening.billing) == ("none", "", Billing.SUBSCRIPTION)
    assert open_meter(place, facts, None) is None
    assert open_meter(CHAT, facts, "gzip") is not None


def test_the_path_says_for_whom_before_the_settings_and_after_the_request() -> None:
    """The user of the body stays; the project of the path counts more than a default."""
    settings = replace(KEEPER, attribution=Attribution(project="default", team="core"))

    opening, _ = open_request(CHAT, {}, "", BODY, settings.beneath({"user": "bob", "project": "acme"}))

    assert opening.attribution == Attribution(user="ann", project="acme", team="core")
    assert settings.beneath({}) is settings


def test_rules_for_an_app_or_a_key_say_what_nothing_else_does() -> None:
    """The first rule that says a thing counts; a rule for a path says nothing of other programs' requests."""
    rules = (
        MapRule(matches={"path": "/home/**"}, gives={"client": "path"}),
        MapRule(matches={"key": "*…abcd"}, gives={"client": "acme", "user": "everybody"}),
        MapRule(matches={"app": "claude-*"}, gives={"client": "later", "team": "tools"}),
    )
    headers = {"authorization": "Bearer sk-abcd", "user-agent": "claude-cli/2.0 (external)"}

    opening, _ = open_request(CHAT, headers, "", BODY, replace(KEEPER, rules=rules))
    other, _ = open_request(CHAT, {}, "", BODY, replace(KEEPER, rules=rules))

    said = opening.attribution
    assert (said.client, said.user, said.team) == ("acme", "ann", "tools")
    assert other.attribution == Attribution(user="ann")


def test_an_app_may_be_paid_otherwise_than_its_provider() -> None:
    """`[billing] claude-cli = "subscription"`, beside a provider that is paid by the token."""
    keeper = replace(KEEPER, billing={"openai": "api", "claude-cli": "subscription"})

    assert open_request(CHAT, {"user-agent": "claude-cli/2.0"}, "", BODY, keeper)[0].billing is Billing.SUBSCRIPTION
    assert open_request(CHAT, {"user-agent": "other/1.0"}, "", BODY, keeper)[0].billing is Billing.API


def test_an_error_does_not_carry_the_prompt_into_a_row() -> None:
    """Its texts are told to whoever keeps the error; beside a very long prompt only the kind is kept."""
    failed = Reading(error_type="x", error_message="no: hello")

    assert without_echo(failed, b'{"a": "hello"}') == (failed, ("hello",))
    assert without_echo(failed, b"x" * 2_000_000)[0].error_message is None
    assert without_echo(Reading(), BODY) == (Reading(), ())


@pytest.mark.parametrize(
    ("reading", "status", "error_type", "expected"),
    [
        (Reading(), Status.COMPLETED, None, (Status.COMPLETED, None)),
        (Reading(error_type="overloaded"), Status.COMPLETED, None, (Status.FAILED, None)),
        (Reading(is_complete=True), Status.CANCELLED, "client_gone", (Status.COMPLETED, None)),
        (Reading(is_complete=True, error_type="x"), Status.CANCELLED, "client_gone", (Status.FAILED, None)),
        (Reading(), Status.CANCELLED, "client_gone", (Status.CANCELLED, "client_gone")),
        (Reading(is_complete=True), Status.CANCELLED, "shutdown", (Status.CANCELLED, "shutdown")),
        (Reading(is_complete=True), Status.FAILED, "timeout", (Status.FAILED, "timeout")),
    ],
)
def test_what_an_answer_said_decides_how_its_request_ended(
    reading: Reading, status: Status, error_type: str | None, expected: tuple[Status, str | None]
) -> None:
    """Whole before the client left, or an error after 200."""
    assert ended_as(reading, status, error_type) == expected
