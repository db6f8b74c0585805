"""`proxy install`, `status` and `uninstall`: what the service manager is told, and what is said where there is none."""

import json
import os
import plistlib
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.conftest import RunCli
from tests.support.builders import NOON
from tests.support.cli import CliResult
from tests.support.proxy_program import until
from tests.support.upstream import Upstream

from llmledger.cli._context import Surroundings, inside
from llmledger.cli._proxy.service import _install, _status, _uninstall
from llmledger.cli._proxy.service_unit import systemd_unit
from llmledger.errors import AnswerIsNo

SYSTEMCTL = """#!/bin/sh
echo "systemctl $*" >> {log}
case "$*" in
*is-active*) test -f {log}.pid ;;
*restart*)
    test ! -f {log}.pid || kill "$(cat {log}.pid)"
    sh -c "exec $(sed -n 's/^ExecStart=//p' "$HOME/.config/systemd/user/llmledger-proxy.service")" >/dev/null 2>&1 &
    echo $! > {log}.pid ;;
*disable*) kill "$(cat {log}.pid)"; rm {log}.pid ;;
*daemon-reload*) test ! -f {log}.broken || {{ echo "Failed to reload: no bus"; exit 1; }} ;;
esac
"""
LAUNCHCTL = """#!/bin/sh
echo "launchctl $*" >> {log}
case "$*" in
"print gui/"*/llmledger.proxy) test -f {log}.active ;;
*bootstrap*) touch {log}.active ;;
*bootout*) rm {log}.active ;;
esac
"""
QUESTIONS = {"show-environment", "is-active", "print"}


class FakeManager:
    """A service manager's programs on a PATH of their own: they start and end what they are told, and write it down."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home, self.log = folder, home, folder / "asked"
        folder.mkdir()
        self.environ = {"HOME": str(home), "PATH": f"{folder}:/usr/bin:/bin"}

    def has(self, name: str, script: str) -> None:
        """Put a program there."""
        (self.folder / name).write_text(script.format(log=self.log))
        (self.folder / name).chmod(0o755)

    def asked(self) -> list[str]:
        """What it was told to do."""
        return [line for line in self.log.read_text().splitlines() if not QUESTIONS & {*line.split()}]

    @property
    def world(self) -> Surroundings:
        return Surroundings(environ=self.environ, now=lambda: NOON, folder=self.home)


@pytest.fixture
def manager(tmp_path: Path, home: Path) -> Iterator[FakeManager]:
    """systemd for a user who does not linger; what it has started ends with the test."""
    made = FakeManager(tmp_path / "bin", home)
    made.has("systemctl", SYSTEMCTL)
    made.has("loginctl", "#!/bin/sh\necho Linger=no\n")
    yield made
    running = made.log.with_name("asked.pid")
    if running.exists():
        with suppress(ProcessLookupError):
            os.kill(int(running.read_text()), signal.SIGKILL)


@pytest.fixture
def port(run_cli: RunCli) -> int:
    """A free port, where the settings say that the proxy listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free: int = probe.getsockname()[1]
    run_cli("config", "set", "proxy.port", str(free))
    return free


def test_printing_needs_no_manager_and_writes_nothing(run_cli: RunCli, home: Path) -> None:
    """The unit, with the file it would go to."""
    result = run_cli("proxy", "install", "--print", "--workers", "2", env={"LLMLEDGER_HOME": "/srv/my ledger"})

    assert result.exit_code == 0
    assert result.stdout.startswith("# ~/.config/systemd/user/llmledger-proxy.service\n[Unit]\n")
    assert " proxy --workers 2\n" in result.stdout
    assert 'Environment="LLMLEDGER_HOME=/srv/my ledger"\n' in result.stdout
    assert list(home.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "said"),
    [("install", "container"), ("status", "no proxy answers"), ("uninstall", "not installed")],
)
def test_without_a_manager_it_says_so_and_what_to_do(
    run_cli: RunCli, home: Path, tmp_path: Path, command: str, said: str
) -> None:
    """As in a container: exit 1, nothing is made, 60 columns are enough."""
    result = run_cli("proxy", command, env={"PATH": str(tmp_path), "COLUMNS": "60"})

    assert result.exit_code == 1
    assert said in result.stderr
    assert [line for line in result.stdout.splitlines() if len(line) > 60] == []
    assert list(home.iterdir()) == []


def test_a_manager_that_does_not_answer_is_none(run_cli: RunCli, manager: FakeManager) -> None:
    """systemd is installed in many containers where it does not run."""
    manager.has("systemctl", "#!/bin/sh\necho 'Failed to connect to bus' >&2; exit 1\n")

    assert run_cli("proxy", "install", env=manager.environ).exit_code == 1


def test_the_service_runs_the_real_proxy_until_it_is_uninstalled(
    run_cli: RunCli, home: Path, manager: FakeManager, port: int
) -> None:
    """Installed, started, asked how it is, changed to two workers, stopped, and its file gone."""
    unit = home / ".config/systemd/user/llmledger-proxy.service"
    installed = run_cli("proxy", "install", env=manager.environ)

    assert installed.exit_code == 0, installed.stderr
    assert f"The proxy listens at http://127.0.0.1:{port}." in installed.stderr
    assert "loginctl enable-linger" in installed.stderr
    assert oct(unit.stat().st_mode & 0o777) == "0o600"
    asked: list[CliResult] = []

    def answers() -> bool:
        asked.append(run_cli("proxy", "status", env=manager.environ))
        return asked[-1].exit_code == 0

    until(answers)  # it has two seconds for an answer, and this machine may be busy
    status = asked[-1]
    assert "installed (~/.config/systemd/user/llmledger-proxy.service), runs" in status.stdout
    assert "ok (version" in status.stdout

    def told() -> dict[str, object]:
        facts: dict[str, object] = json.loads(run_cli("proxy", "status", "--json", env=manager.environ).stdout)
        return facts

    assert run_cli("proxy", "install", "--workers", "2", env=manager.environ).exit_code == 0
    until(lambda: "workers" in (told()["health"] or {}))  # type: ignore[operator]
    assert (told()["is_active"], told()["manager"]) == (True, "systemctl")

    assert run_cli("proxy", "uninstall", env=manager.environ).exit_code == 0
    until(lambda: told()["health"] is None)
    assert not unit.exists()
    user = "systemctl --user"
    start = [
        f"{user} daemon-reload",
        f"{user} enable llmledger-proxy.service",
        f"{user} restart llmledger-proxy.service",
    ]
    end = [f"{user} disable --now llmledger-proxy.service", f"{user} daemon-reload"]
    assert manager.asked() == [*start, *start, *end]


def test_a_port_that_somebody_has_is_told_before_anything_is_made(
    run_cli: RunCli, home: Path, manager: FakeManager, upstream: Upstream
) -> None:
    """A proxy that was started by hand would keep the service from its port; it is not ours to stop."""
    run_cli("config", "set", "proxy.port", str(upstream.port))
    result = run_cli("proxy", "install", env=manager.environ)

    assert result.exit_code == 1
    assert "somebody listens" in result.stderr
    assert not (home / ".config/systemd").exists()
    # It is no proxy of ours, whoever it is.
    assert "nobody answers" in run_cli("proxy", "status", env=manager.environ).stdout


def test_doctor_finds_a_service_that_does_not_listen(run_cli: RunCli, home: Path, port: int) -> None:
    """It was installed, so somebody counts on it; where none is installed nothing is said."""
    assert "service" not in run_cli("doctor").stdout
    unit = home / ".config/systemd/user/llmledger-proxy.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("")
    result = run_cli("doctor", env={"COLUMNS": "200"})

    assert result.exit_code == 1
    assert f"nobody listens at http://127.0.0.1:{port}" in result.stdout
    assert "journalctl --user -u llmledger-proxy.service" in result.stdout


def test_what_the_manager_refuses_is_told(run_cli: RunCli, manager: FakeManager) -> None:
    """In its own words, with where to read more."""
    manager.log.with_name("asked.broken").touch()
    result = run_cli("proxy", "install", env=manager.environ)

    assert result.exit_code == 1
    assert "systemctl --user daemon-reload: Failed to reload: no bus" in result.stderr
    assert "journalctl --user -u llmledger-proxy.service" in result.stderr


def test_a_service_that_does_not_come_up_is_told(manager: FakeManager, port: int) -> None:
    """After some patience, with where to read why."""
    manager.has("systemctl", SYSTEMCTL.replace("exec $", "exec true $"))
    with inside(manager.world), pytest.raises(AnswerIsNo) as told:
        _install(manager.world, 1, shown=False, platform="linux", patience_s=0.2)

    assert f"nobody listens at http://127.0.0.1:{port} yet" in told.value.message
    assert "journalctl" in (told.value.hint or "")


def test_an_address_that_needs_a_key_is_no_service(run_cli: RunCli, manager: FakeManager) -> None:
    """Its file is no place for a key."""
    run_cli("config", "set", "proxy.host", "0.0.0.0")
    result = run_cli("proxy", "install", env=manager.environ)

    assert result.exit_code == 1
    assert "config set proxy.host 127.0.0.1" in result.stderr


def test_on_a_mac_launchd_is_told(
    manager: FakeManager, home: Path, upstream: Upstream, run_cli: RunCli, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same by its own words; a property list that a library reads."""
    run_cli("config", "set", "proxy.port", str(upstream.port))
    manager.has("launchctl", LAUNCHCTL)
    manager.log.with_name("asked.active").touch()  # an older one runs
    world, file = manager.world, home / "Library/LaunchAgents/llmledger.proxy.plist"
    domain = f"gui/{os.getuid()}"
    with inside(world):
        _install(world, 2, shown=False, platform="darwin", patience_s=1.0)
        job = plistlib.loads(file.read_bytes())
        with pytest.raises(AnswerIsNo):
            _status(world, json=False, platform="darwin")
        _uninstall(world, platform="darwin")
        _install(world, 1, shown=True, platform="darwin", patience_s=1.0)

    assert (job["Label"], job["KeepAlive"], job["ProgramArguments"][-3:]) == (
        "llmledger.proxy",
        {"SuccessfulExit": False},
        ["proxy", "--workers", "2"],
    )
    assert manager.asked() == [
        f"launchctl bootout {domain}/llmledger.proxy",
        f"launchctl bootstrap {domain} {file}",
        f"launchctl bootout {domain}/llmledger.proxy",
    ]
    assert not file.exists()
    assert "enable-linger" not in capsys.readouterr().err


def test_a_file_without_its_manager_can_still_be_taken_away(run_cli: RunCli, home: Path, tmp_path: Path) -> None:
    """A home folder that was moved into a container."""
    unit = home / ".config/systemd/user/llmledger-proxy.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("")

    assert run_cli("proxy", "uninstall", env={"PATH": str(tmp_path)}).exit_code == 0
    assert not unit.exists()


def test_proxies_are_passed_on_and_passwords_are_not(run_cli: RunCli) -> None:
    """The unit is shown to everybody who asks the manager."""
    environ = {"HTTPS_PROXY": "http://proxy.example:3128", "HTTP_PROXY": "http://me:canary@proxy.example:3128"}
    text = run_cli("proxy", "install", "--print", env={**environ, "LLMLEDGER_PROXY_KEY": "canary"}).stdout

    assert "Environment=HTTPS_PROXY=http://proxy.example:3128\n" in text
    assert "canary" not in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd reads its own units")
def test_systemd_itself_understands_the_unit(tmp_path: Path) -> None:
    """Also with blanks, percent and dollar signs in paths."""
    program = tmp_path / "a 100% $HOME" / "llmledger"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "llmledger-proxy.service"
    unit.write_text(systemd_unit([str(program), "proxy", '$x "y"'], {"LLMLEDGER_HOME": "/x y/100%"}))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )

    assert str(unit.name) not in done.stderr, done.stderr
