"""`connect`: shown first, written when it is meant, taken back exactly, and found by `doctor` when nobody listens."""

import json
import stat
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.upstream import Upstream

SETTINGS = (
    '{\n  "model": "opus", // mine\n  "env": {\n    "ANTHROPIC_API_KEY": "sk-ant-canary-0123456789" // key\n  }\n}\n'
)


@pytest.fixture
def claude(home: Path) -> Path:
    """Claude Code's settings, as somebody has them."""
    file = home / ".claude" / "settings.json"
    file.parent.mkdir()
    file.write_text(SETTINGS)
    return file


def test_without_a_name_it_lists_what_is_here(run_cli: RunCli, home: Path, claude: Path) -> None:
    """How each stands, and where its settings are; nothing is made, and it fits 60 columns."""
    wide, narrow = run_cli("connect"), run_cli("connect", env={"COLUMNS": "60"})

    assert "claude-code  not connected  ~/.claude/settings.json" in wide.stdout
    assert "codex" not in wide.stdout
    assert "codex" in wide.stderr
    assert [line for line in (narrow.stdout + narrow.stderr).splitlines() if len(line) > 60] == []
    assert [path.name for path in home.iterdir()] == [".claude"]


def test_an_empty_home_has_nothing_to_connect(run_cli: RunCli, home: Path) -> None:
    """The names are told all the same; `--all` says no."""
    listed, everything = run_cli("connect"), run_cli("connect", "--all", "--yes")

    assert (listed.exit_code, everything.exit_code) == (0, 1)
    assert "None of the tools" in listed.stdout
    assert "claude-code" in listed.stderr
    assert list(home.iterdir()) == []


def test_the_list_is_json_too(run_cli: RunCli, claude: Path) -> None:
    """One envelope, each tool a row."""
    told = json.loads(run_cli("connect", "--json").stdout)
    rows = {row["tool"]: row for row in told["rows"]}

    assert (told["schema"], told["proxy"]) == ("llmledger.connect-list/1", "http://127.0.0.1:4747")
    assert (rows["claude-code"]["is_found"], rows["claude-code"]["state"]) == (True, "not connected")
    assert rows["claude-code"]["file"] == str(claude)
    assert (rows["cursor"]["state"], rows["cline"]["state"]) == ("cannot be", "by hand")


def test_the_change_is_shown_and_not_made(run_cli: RunCli, home: Path, claude: Path) -> None:
    """A diff on stdout without the key that stands beside it; `--dry-run` wins over `--yes`."""
    for args in ((), ("--yes", "--dry-run")):
        result = run_cli("connect", "claude-code", *args)

        assert result.exit_code == 0
        assert '+    "ANTHROPIC_BASE_URL": "http://127.0.0.1:4747/anthropic",' in result.stdout
        assert '+    "ENABLE_TOOL_SEARCH": "true"' in result.stdout
        assert "canary" not in result.stdout
        assert "dry run" in result.stderr
    assert claude.read_text() == SETTINGS
    assert sorted(path.name for path in home.iterdir()) == [".claude"]


def test_connecting_and_undoing_leave_the_file_as_it_was(run_cli: RunCli, home: Path, claude: Path) -> None:
    """Byte for byte, with its permissions; what is kept meanwhile only the owner can read."""
    claude.chmod(0o640)
    done = run_cli("connect", "claude-code", "--yes", "--project", "acme inc")
    connected = claude.read_text()
    record = home / ".local" / "share" / "llmledger" / "connections" / "claude-code.json"

    assert '"http://127.0.0.1:4747/p/acme%20inc/anthropic"' in connected
    assert "// mine" in connected
    assert stat.S_IMODE(claude.stat().st_mode) == 0o640
    assert (stat.S_IMODE(record.stat().st_mode), stat.S_IMODE(record.parent.stat().st_mode)) == (0o600, 0o700)
    assert "canary" not in record.read_text()
    assert "Nobody listens" in done.stderr
    assert "connected" in run_cli("connect").stdout

    shown = run_cli("connect", "claude-code", "--undo")
    assert "dry run" in shown.stderr
    assert claude.read_text() == connected
    assert run_cli("connect", "claude-code", "--undo", "--yes").exit_code == 0
    assert claude.read_text() == SETTINGS
    assert not record.exists()
    assert run_cli("connect", "claude-code", "--undo", "--yes").exit_code == 1


def test_a_file_that_was_not_there_goes_away_with_its_folder(run_cli: RunCli, home: Path) -> None:
    """A tool may be connected before it was ever started."""
    assert run_cli("connect", "codex", "zed", "--yes").exit_code == 0
    assert (home / ".codex" / "config.toml").read_text() == 'openai_base_url = "http://127.0.0.1:4747/openai/v1"\n'

    assert run_cli("connect", "--all", "--undo", "--yes").exit_code == 0
    assert [path for path in home.rglob("*") if path.is_file()] == []
    assert not (home / ".codex").exists()


def test_a_link_stays_a_link(run_cli: RunCli, home: Path) -> None:
    """Settings often lie in a folder of dotfiles."""
    real = home / "dotfiles" / "config.toml"
    real.parent.mkdir()
    real.write_text('model = "gpt-5.5"\n')
    (home / ".codex").mkdir()
    link = home / ".codex" / "config.toml"
    link.symlink_to(real)

    run_cli("connect", "codex", "--yes")
    assert link.is_symlink()
    assert "openai_base_url" in real.read_text()

    run_cli("connect", "codex", "--undo", "--yes")
    assert (link.is_symlink(), real.read_text()) == (True, 'model = "gpt-5.5"\n')


def test_connecting_again_keeps_the_way_back(run_cli: RunCli, claude: Path) -> None:
    """To what was there before the first time; and nothing happens when nothing would change."""
    run_cli("connect", "claude-code", "--yes")
    same = run_cli("connect", "claude-code", "--yes")
    run_cli("connect", "claude-code", "--yes", "--url", "http://127.0.0.1:5000/")

    assert "nothing to change" in same.stderr
    assert '"http://127.0.0.1:5000/anthropic"' in claude.read_text()
    run_cli("connect", "claude-code", "--undo", "--yes")
    assert claude.read_text() == SETTINGS


def test_an_address_of_somebody_else_is_not_replaced(run_cli: RunCli, claude: Path) -> None:
    """The key it is used with would go to another; the hint has both ways on."""
    claude.write_text('{"env": {"ANTHROPIC_BASE_URL": "https://gateway.example/v9"}}')
    result = run_cli("connect", "claude-code", "--yes")

    assert result.exit_code == 3
    assert "gateway.example" in result.stderr
    assert "providers.anthropic.base_url" in result.stderr
    assert "gateway.example" in claude.read_text()

    run_cli("config", "set", "providers.anthropic.base_url", "https://gateway.example")
    assert run_cli("connect", "claude-code", "--yes").exit_code == 0


def test_one_that_cannot_be_changed_does_not_stop_the_others(run_cli: RunCli, home: Path, claude: Path) -> None:
    """`--all` goes on, and exits with 1."""
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text("model = ")
    result = run_cli("connect", "--all", "--yes")

    assert result.exit_code == 1
    assert "1 of 2 could not be changed" in result.stderr
    assert "ANTHROPIC_BASE_URL" in claude.read_text()


def test_cursor_is_told_why_not_and_what_instead(run_cli: RunCli) -> None:
    """Its servers cannot reach this machine: the usage CSV can be imported."""
    result = run_cli("connect", "cursor", "--yes")

    assert result.exit_code == 1
    assert "cannot reach an address of this machine" in result.stderr
    assert "llmledger import FILE" in result.stderr


def test_a_tool_with_settings_of_its_own_is_told_by_hand(run_cli: RunCli) -> None:
    """The addresses to paste; also as JSON."""
    assert "http://127.0.0.1:4747/p/acme/openai/v1" in run_cli("connect", "cline", "--project", "acme").stderr
    (row,) = json.loads(run_cli("connect", "llm", "--json").stdout)["rows"]
    assert (row["state"], row["diff"]) == ("by hand", "")
    assert any("OPENAI_BASE_URL" in line for line in row["notes"])


def test_the_file_of_a_folder_is_that_of_this_folder(run_cli: RunCli, home: Path) -> None:
    """`dotenv` writes `.env` here, and only when it is named."""
    (home / "work").mkdir()
    run_cli("connect", "dotenv", "--yes", folder=home / "work")

    assert "OPENAI_BASE_URL=http://127.0.0.1:4747/openai/v1\n" in (home / "work" / ".env").read_text()
    assert run_cli("connect", "--all", "--yes", folder=home / "work").exit_code == 1


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("claud-code",), "Did you mean 'claude-code'?"),
        (("emacs",), "Known: aider"),
        (("--undo",), "--all"),
        (("codex", "--url", "localhost:4747"), "http://127.0.0.1:4747"),
    ],
)
def test_what_cannot_be_meant_is_told(run_cli: RunCli, args: tuple[str, ...], message: str) -> None:
    """Exit 2 with the way on."""
    result = run_cli("connect", *args)

    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    "content", [b"\xff\xfe{}", b"{" + b" " * (5 * 1024 * 1024) + b"}"], ids=["no text", "too large"]
)
def test_what_is_no_settings_file_is_left_alone(run_cli: RunCli, claude: Path, content: bytes) -> None:
    """Exit 3, unchanged."""
    claude.write_bytes(content)

    assert run_cli("connect", "claude-code", "--yes").exit_code == 3
    assert claude.read_bytes() == content


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="a folder where not even root can make files")
def test_a_place_that_cannot_be_written_leaves_the_records_as_they_were(run_cli: RunCli, home: Path) -> None:
    """None for a tool that was never connected."""
    result = run_cli("connect", "codex", "--yes", env={"CODEX_HOME": "/proc/nowhere"})

    assert result.exit_code == 3
    assert "cannot be written" in result.stderr
    assert list((home / ".local" / "share" / "llmledger" / "connections").glob("*.json")) == []


def test_a_proxy_with_a_key_is_told(run_cli: RunCli, claude: Path) -> None:
    """Tools do not know the key; it is not shown."""
    result = run_cli("connect", "claude-code", "--yes", env={"LLMLEDGER_PROXY_KEY": "canary", "COLUMNS": "200"})

    assert "LLMLEDGER_PROXY_KEY is set: the proxy refuses tools" in result.stderr
    assert "canary" not in result.stdout + result.stderr


def test_a_record_that_cannot_be_read_is_told(run_cli: RunCli, home: Path, claude: Path) -> None:
    """And nothing is changed."""
    run_cli("connect", "claude-code", "--yes")
    connected = claude.read_text()
    record = home / ".local" / "share" / "llmledger" / "connections" / "claude-code.json"
    record.write_text("{}")

    assert run_cli("connect", "claude-code", "--undo", "--yes").exit_code == 3
    assert claude.read_text() == connected


def test_settings_that_moved_are_told(run_cli: RunCli, home: Path, claude: Path) -> None:
    """Connected in one folder, asked for another: first back, then again."""
    run_cli("connect", "claude-code", "--yes")
    elsewhere = run_cli("connect", "claude-code", "--yes", env={"CLAUDE_CONFIG_DIR": str(home / "other")})

    assert elsewhere.exit_code == 3
    assert str(claude) in elsewhere.stderr


def test_settings_that_are_gone_need_no_way_back(run_cli: RunCli, claude: Path) -> None:
    """The record goes; the file does not come back."""
    run_cli("connect", "claude-code", "--yes")
    claude.unlink()

    result = run_cli("connect", "claude-code", "--undo", "--yes")
    assert (result.exit_code, claude.exists()) == (0, False)
    assert "not there any more" in " ".join(result.stderr.split())


def test_doctor_finds_a_tool_that_nobody_answers(run_cli: RunCli, claude: Path, upstream: Upstream) -> None:
    """And says how to start the proxy or to take the connection back; when somebody listens all is well."""
    url = f"http://127.0.0.1:{upstream.port}"
    run_cli("connect", "claude-code", "--yes", "--url", url)
    alive = run_cli("doctor", env={"COLUMNS": "200"})
    upstream.close()
    dead = run_cli("doctor", env={"COLUMNS": "200"})

    assert f"ok  connect   Claude Code (~/.claude/settings.json) goes to {url}" in alive.stdout
    assert f"!!  connect   Claude Code (~/.claude/settings.json) goes to {url}, where nobody listens" in dead.stdout
    assert "llmledger proxy install; or take it back: llmledger connect claude-code --undo --yes" in dead.stdout
    assert (alive.exit_code, dead.exit_code) == (0, 1)


def test_doctor_finds_a_variable_that_leads_nowhere(run_cli: RunCli) -> None:
    """Only one that is meant for a proxy: a local server that is off does no harm."""
    dead = {"OPENAI_BASE_URL": "http://127.0.0.1:9/openai/v1", "ANTHROPIC_BASE_URL": "http://localhost:9/p/x/anthropic"}
    other = {
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "OLLAMA_HOST": "http://127.0.0.1:9",
        "LLM_BASE_URL": "https://x/v1",
    }
    result = run_cli("doctor", env={"COLUMNS": "200", **dead})

    assert result.exit_code == 1
    assert "OPENAI_BASE_URL leads to http://127.0.0.1:9, where nobody listens" in result.stdout
    assert "unset ANTHROPIC_BASE_URL" in result.stdout
    assert "leads to" not in run_cli("doctor", env=other).stdout


def test_an_address_that_is_none_stops_nothing(run_cli: RunCli, home: Path) -> None:
    """A slip in a tool's own settings is that tool's; `connect` and `doctor` go on, and we take none ourselves."""
    settings = home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"env": {"ANTHROPIC_BASE_URL": "http://[::1"}}')

    assert run_cli("connect").exit_code == 0
    assert run_cli("connect", "claude-code").exit_code == 3
    assert run_cli("doctor").exit_code == 0
    assert run_cli("connect", "codex", "--url", "http://[::1").exit_code == 2
    assert run_cli("run", "-m", "ollama/x", "--base-url", "http://[::1", "hi").exit_code == 2
