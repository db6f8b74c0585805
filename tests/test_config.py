"""What may be set, and the one clear line for everything else."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from llmledger.config import Config, MapRule, ProviderSettings, load_config
from llmledger.errors import ConfigError

FULL = """
timezone = "Europe/Berlin"
currency = "EUR"
on_ledger_failure = "pass"
store_content = true

[run]
model = "ollama/qwen3:8b"

[proxy]
port = 4848
on_disconnect = "abort"

[providers.vllm]
base_url = "http://127.0.0.1:9000/"

[fx.eur]
2026-01-01 = 0.85
2026-10-01 = "0.92"

[[map]]
path = "~/work/acme/**"
client = "acme"

[retention]
detail = "13mo"

[billing]
anthropic = "subscription"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A settings file."""
    return tmp_path / "config.toml"


def test_no_file_is_the_defaults(path: Path) -> None:
    """And nothing is made."""
    assert load_config(path) == Config()
    assert not path.exists()


def test_every_section_is_read(path: Path) -> None:
    """Rates and prices as exact decimals, written as numbers or in quotes."""
    path.write_text(FULL)
    config = load_config(path)

    assert (config.timezone, config.currency, config.on_ledger_failure) == ("Europe/Berlin", "EUR", "pass")
    assert config.run.model == "ollama/qwen3:8b"
    assert (config.proxy.port, config.proxy.host, config.proxy.on_disconnect) == (4848, "127.0.0.1", "abort")
    assert config.providers == {"vllm": ProviderSettings(base_url="http://127.0.0.1:9000")}
    assert config.fx == {"EUR": {date(2026, 1, 1): Decimal("0.85"), date(2026, 10, 1): Decimal("0.92")}}
    assert config.map == (MapRule(matches={"path": "~/work/acme/**"}, gives={"client": "acme"}),)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("timezone", "is no valid TOML", "Correct it"),
        ("timezon = 'UTC'", "unknown key 'timezon'", "Did you mean 'timezone'?"),
        ("[run]\nmodl = 'x'", "unknown key 'run.modl'", "Did you mean 'model'?"),
        ("[run]\nxyzzy = 'x'", "unknown key 'run.xyzzy'", "Known here: model."),
        ("run = 3", "run must be a table: [run], not 3", None),
        ("currency = 3", "currency must be a text in quotes, not 3", None),
        ("store_content = 'yes'", "store_content must be true or false, not 'yes'", None),
        ("on_ledger_failure = 'ignore'", "on_ledger_failure must be one of refuse, pass, not 'ignore'", None),
        ("[proxy]\nport = -1", "proxy.port must be a whole number up to 65535, not -1", None),
        ("timezone = 'Europe/Berln'", "timezone: unknown time zone 'Europe/Berln'", "Did you mean Europe/Berlin"),
        ("currency = 'euro'", "currency must be the code of a currency such as EUR, not 'euro'", None),
        ("[retention]\ndetail = 'long'", "retention.detail must be an age such as 30d or 13mo, not 'long'", None),
        ("[retention]\ndetail = '0d'", "retention.detail must be an age such as 30d or 13mo, not '0d'", None),
        ("[retention]\ndetails = '30d'", "unknown key 'retention.details'", "Did you mean 'detail'?"),
        ("[proxy]\nport = 65536", "proxy.port must be a whole number up to 65535, not 65536", None),
        ("[providers.x]\nbase_url = 'localhost:1'", "providers.x.base_url must be an address that begins", None),
        ("[fx.EUR]\ntoday = 1", "[fx.EUR] needs dates, not 'today'", "1 USD = 0.92 EUR"),
        ("[fx.EUR]\n2026-02-31 = 1", "[fx.EUR] needs dates, not '2026-02-31'", None),
        ("[fx.EUR]\n2026-02-01 = 0", "must be a number above zero", None),
        ("[fx.EUR]\n2026-02-01 = nan", "must be a number, zero or more", None),
        ("[[map]]\nclient = 'a'", "map[1] needs something to match", "Match path, app or key"),
        ("map = 1", "map must be a list of tables", None),
        ("[billing]\nopenai = 'free'", "billing.openai must be one of", None),
        ("[fx.EUR]\n2026-02-01 = -3", "fx.EUR.2026-02-01 must be a number, zero or more, not -3", None),
        ("[fx.EUR]\n2026-02-01 = 'x'", "fx.EUR.2026-02-01 must be a number", None),
    ],
)
def test_what_cannot_be_meant_is_one_line_with_the_file_and_the_key(
    path: Path, text: str, message: str, hint: str | None
) -> None:
    """A mistake in a price or a rate must not become money."""
    path.write_text(text)

    with pytest.raises(ConfigError) as refused:
        load_config(path)

    assert str(path) in refused.value.message
    assert message in refused.value.message
    assert hint is None or hint in (refused.value.hint or "")


def test_a_file_that_cannot_be_read_says_so(path: Path) -> None:
    """A folder in its place, or bytes that are no text."""
    path.mkdir()

    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(path)


def test_a_project_may_say_where_requests_belong(path: Path, tmp_path: Path) -> None:
    """Its own settings stand above the user's."""
    path.write_text('currency = "EUR"\n[run]\nmodel = "openai/gpt-5-mini"\n')
    project = tmp_path / ".llmledger.toml"
    project.write_text('[attribution]\nclient = "acme"\nproject = "site"\n')
    config = load_config(path, project=project)

    assert config.attribution == {"client": "acme", "project": "site"}
    assert (config.currency, config.run.model) == ("EUR", "openai/gpt-5-mini")


@pytest.mark.parametrize(
    "line", ["[run]\nmodel = 'x'", "[providers.openai]\nbase_url = 'http://evil'", "store_content = true"]
)
def test_a_project_may_not_spend_money_or_send_keys_elsewhere(path: Path, tmp_path: Path, line: str) -> None:
    """Its file comes with code that others wrote."""
    project = tmp_path / ".llmledger.toml"
    project.write_text(line)

    with pytest.raises(ConfigError, match="a project's file may not set"):
        load_config(path, project=project)
