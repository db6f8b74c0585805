"""Where providers are reached: variables that lead to a proxy of ours are for its clients, not for us."""

from pathlib import Path

import pytest
from tests.support.builders import NOON
from tests.support.proxy import running_proxy
from tests.support.upstream import Upstream

from llmledger.cli._addresses import address_for_run, address_of
from llmledger.cli._context import Surroundings, inside
from llmledger.pricebook import Provider, load, packaged_folder

USUAL = "https://api.openai.com"


def provider(name: str) -> Provider:
    """One of the price table."""
    found = load([packaged_folder()]).provider(name)
    assert found is not None
    return found


def world(home: Path, **environ: str) -> Surroundings:
    """A user with these variables."""
    return Surroundings(environ={"HOME": str(home), **environ}, now=lambda: NOON, folder=home)


@pytest.mark.parametrize("path", ["/openai/v1", "/p/acme/openai/v1", "/v1"])
def test_run_passes_a_proxy_of_ours_over(home: Path, tmp_path: Path, upstream: Upstream, path: str) -> None:
    """It keeps its own record: through the proxy there would be two of one request."""
    with running_proxy(tmp_path, upstream) as proxy, inside(world(home, OPENAI_BASE_URL=proxy.url + path)):
        assert address_for_run(provider("openai")) == (USUAL, None)


@pytest.mark.parametrize(
    ("told", "reached"),
    [
        ("http://127.0.0.1:4747/v1", (USUAL, None)),
        ("https://gateway.example/v1/", ("https://gateway.example/v1", "OPENAI_BASE_URL")),
        ("https://gateway.example/openai/v1", ("https://gateway.example/openai/v1", "OPENAI_BASE_URL")),
        ("", (USUAL, None)),
        ("gateway", (USUAL, None)),
    ],
)
def test_run_goes_where_the_official_sdks_would(home: Path, told: str, reached: tuple[str, str | None]) -> None:
    """To a gateway, that is; not to the place where our proxy usually listens, and not to what is no address."""
    with inside(world(home, OPENAI_BASE_URL=told)):
        assert address_for_run(provider("openai")) == reached


def test_what_listens_here_and_is_no_proxy_of_ours_is_reached(home: Path, upstream: Upstream) -> None:
    """A local server that speaks OpenAI's format."""
    with inside(world(home, OPENAI_BASE_URL=f"{upstream.url}/v1")):
        assert address_for_run(provider("openai")) == (f"{upstream.url}/v1", "OPENAI_BASE_URL")


def test_the_settings_win(home: Path) -> None:
    """They are about this program, the variable is about all."""
    (home / ".config" / "llmledger").mkdir(parents=True)
    (home / ".config" / "llmledger" / "config.toml").write_text('[providers.openai]\nbase_url = "http://set"\n')

    with inside(world(home, OPENAI_BASE_URL="http://told")):
        assert address_for_run(provider("openai")) == ("http://set", None)


def test_the_proxy_never_asks_itself(home: Path) -> None:
    """Who exports what the proxy says, and starts it again from that shell, would have it forward to itself for ever."""

    def reached(told: str) -> str | None:
        with inside(world(home, OLLAMA_HOST=told, OPENAI_BASE_URL="http://gateway.example")):
            assert address_of(provider("openai")) == USUAL
            return address_of(provider("ollama"))

    assert reached("http://127.0.0.1:4747/ollama") == reached("http://localhost:9/p/acme/ollama") == reached("")
    assert reached("http://127.0.0.1:9") == "http://127.0.0.1:9"
