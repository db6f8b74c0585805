"""Which headers say for whom a request is, which go on, and which end here."""

import pytest

from llmledger.core.request import Attribution
from llmledger.core.words import Billing
from llmledger.dialects._contract import RequestFacts
from llmledger.operations import request_headers as header

NO_FACTS, NOBODY = RequestFacts(), Attribution()


def told(facts: RequestFacts = NO_FACTS, beneath: Attribution = NOBODY, **names: str) -> Attribution:
    """The attribution of some headers; underscores stand for dashes."""
    given = {name.replace("_", "-"): value for name, value in names.items()}
    return header.attribution(given, facts, key=None, beneath=beneath)


def test_our_own_headers_say_everything() -> None:
    """Every dimension has a header, and tags have two ways."""
    names = ("client", "user", "team", "project", "operation", "app", "host", "session", "branch")
    found = told(**{f"x_llmledger_{name}": name for name in names}, x_llmledger_tags="a=1, b", x_llmledger_tag_c="3")

    assert [getattr(found, name) for name in names] == list(names)
    assert found.tags == {"a": "1", "b": "", "c": "3"}


@pytest.mark.parametrize(
    "name",
    ["helicone_user_id", "x_litellm_customer_id", "x_litellm_end_user_id", "x_langwatch_end_user_id"],
)
def test_users_of_other_gateways_are_users_here(name: str) -> None:
    """Clients go on sending what another gateway taught them."""
    assert told(**{name: "ann"}).user == "ann"


def test_ours_come_before_others_before_the_body_before_the_settings() -> None:
    """One order of precedence, everywhere."""
    facts, beneath = RequestFacts(user="body"), Attribution(user="settings", project="settings")

    assert told(facts, beneath, x_llmledger_user="ours", helicone_user_id="theirs").user == "ours"
    assert told(facts, beneath, helicone_user_id="theirs").user == "theirs"
    assert told(facts, beneath).user == "body"
    assert told(RequestFacts(), beneath).user == "settings"
    assert told(facts, beneath).project == "settings"


def test_metadata_objects_are_read_tolerantly() -> None:
    """Single quotes stand in one gateway's own example; what is no object says nothing."""
    assert told(x_portkey_metadata="{'_user': 'ann', 'feature': 'search', 'n': 3}").user == "ann"
    assert told(cf_aig_metadata='{"team": "web"}').tags == {"team": "web"}
    for broken in ("[1]", "{broken", "x" * 9000, "[" * 5000):
        assert told(x_langwatch_metadata=broken).tags == {}


def test_sessions_come_from_traces_too() -> None:
    """A W3C trace is a session when nothing better is told."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    assert told(traceparent=trace).session == "0af7651916cd43dd8448eb211c80319c"
    assert told(traceparent="nonsense").session is None
    assert told(traceparent=trace, helicone_session_id="s1").session == "s1"


@pytest.mark.parametrize(
    ("agent", "app"),
    [
        ("claude-cli/2.0.14 (external, cli)", "claude-cli"),
        ("OpenAI/Python 3.52.0", "OpenAI/Python"),
        ("python-requests", "python-requests"),
        ("Mozilla/5.0 (X11)", "Mozilla"),
        ("", None),
    ],
)
def test_an_app_is_known_without_its_version(agent: str, app: str | None) -> None:
    """Reports by app would fall apart at every update otherwise."""
    assert told(user_agent=agent).app == app


def test_a_title_and_a_site_name_the_app() -> None:
    """OpenRouter's headers, which also go on to it."""
    assert told(x_title="My App", user_agent="x/1").app == "My App"
    assert told(http_referer="https://my.app/", user_agent="x/1").app == "https://my.app/"


@pytest.mark.parametrize(
    ("headers", "query", "key"),
    [
        ({"authorization": "Bearer sk-1"}, "", "sk-1"),
        ({"authorization": "sk-raw"}, "", "sk-raw"),
        ({"x-api-key": "sk-ant"}, "", "sk-ant"),
        ({"x-goog-api-key": "AIza"}, "", "AIza"),
        ({}, "alt=sse&key=AIza", "AIza"),
        ({"authorization": " "}, "", None),
        ({}, "", None),
    ],
)
def test_the_key_is_found_wherever_a_provider_wants_it(headers: dict[str, str], query: str, key: str | None) -> None:
    """Headers of all providers, and Google's query."""
    assert header.credential(headers, query) == key


@pytest.mark.parametrize(
    ("key", "headers", "is_local", "billing"),
    [
        ("sk-ant-oat01-x", {}, False, Billing.SUBSCRIPTION),
        ("sk-ant-api03-x", {}, False, Billing.API),
        ("eyJhbGciOi", {"chatgpt-account-id": "a"}, False, Billing.SUBSCRIPTION),
        (None, {}, True, Billing.LOCAL),
        (None, {}, False, Billing.UNKNOWN),
    ],
)
def test_who_pays_is_known_from_the_kind_of_credential(
    key: str | None, headers: dict[str, str], is_local: bool, billing: Billing
) -> None:
    """A plan's sign-in is no API key."""
    assert header.billing_of(key, headers, is_local=is_local) is billing


def test_only_what_is_meant_for_a_provider_goes_on() -> None:
    """Hop-by-hop headers and other gateways' own end here; spelling and order of the rest stay."""
    raw = [
        (b"Host", b"127.0.0.1"),
        (b"X-Custom", b"1"),
        (b"Connection", b"keep-alive"),
        (b"Helicone-Auth", b"secret"),
        (b"x-llmledger-key", b"secret"),
        (b"Accept-Encoding", b"gzip"),
        (b"traceparent", b"00"),
        (b"content-length", b"3"),
    ]
    assert header.forwarded(raw, identity=False) == [
        ("X-Custom", "1"),
        ("Accept-Encoding", "gzip"),
        ("traceparent", "00"),
    ]
    assert header.forwarded(raw, identity=True)[-1] == ("Accept-Encoding", "identity")
    assert len(header.forwarded(raw, identity=True)) == 3


def test_the_answer_keeps_its_headers() -> None:
    """But for its hops, and its length when a chunk is hidden."""
    raw = [(b"Content-Length", b"3"), (b"X-A", b"1"), (b"Transfer-Encoding", b"chunked")]

    assert header.answered(raw, None, has_length=True) == [(b"Content-Length", b"3"), (b"X-A", b"1")]
    assert header.answered(raw, "id", has_length=False) == [(b"X-A", b"1"), (b"x-llmledger-request-id", b"id")]


def test_of_a_repeated_header_the_first_counts() -> None:
    """Nobody can smuggle a second value in."""
    assert header.lowered([(b"A", b"1"), (b"a", b"2")]) == {"a": "1"}


@pytest.mark.parametrize(
    ("accepted", "forwarded"),
    [
        ("gzip, deflate", "gzip, deflate"),
        ("gzip;q=1.0, compress", "gzip;q=1.0"),
        ("compress", "identity"),
        ("*", "identity"),
    ],
)
def test_an_answer_is_only_asked_for_in_encodings_that_can_be_metered(accepted: str, forwarded: str) -> None:
    """Otherwise a client that accepts everything would make its own usage unreadable."""
    assert header.forwarded([(b"accept-encoding", accepted.encode())], identity=False) == [
        ("accept-encoding", forwarded)
    ]
