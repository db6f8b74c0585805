"""The user's own service manager: systemd on Linux, launchd on macOS, or none."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llmledger.cli._context import Surroundings
from llmledger.cli._machine import home_of
from llmledger.cli._proxy.service_unit import LABEL, NAME, launchd_job, systemd_unit
from llmledger.errors import AnswerIsNo

PASSED_ON = ("LLMLEDGER_HOME", "LLMLEDGER_TZ", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME")
PROXIES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")
PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Manager:
    """One service manager, with the file that describes the proxy to it."""

    name: str
    file: Path
    text: str
    starts: tuple[tuple[str, ...], ...]
    """The commands that start the service, now and from now on."""
    stops: tuple[tuple[str, ...], ...]
    """The commands that end it, before its file goes."""
    forgets: tuple[tuple[str, ...], ...]
    """The commands after its file has gone."""
    asks: tuple[str, ...]
    """Answers with 0 while the service runs."""
    log: str
    """How to read what it says."""

    @property
    def is_installed(self) -> bool:
        """Whether the service's file is there."""
        return self.file.is_file()


def manager(world: Surroundings, arguments: Sequence[str], platform: str = sys.platform) -> Manager:
    """The manager of this platform, whether or not it runs here."""
    installed = shutil.which("llmledger", path=world.environ.get("PATH"))
    program = [installed] if installed else [sys.executable, "-m", "llmledger"]
    command, environ = [*program, "proxy", *arguments], dict(_environment(world))
    return _launchd(world, command, environ) if platform == "darwin" else _systemd(world, command, environ)


def is_running_here(world: Surroundings, chosen: Manager) -> bool:
    """Whether the manager itself answers: in containers and under other inits there is none."""
    if shutil.which(chosen.name, path=world.environ.get("PATH")) is None:
        return False
    probe = (
        ("launchctl", "print", f"gui/{_uid()}")
        if chosen.name == "launchctl"
        else ("systemctl", "--user", "show-environment")
    )
    return ask(world, probe)[0] == 0


def ask(world: Surroundings, command: Sequence[str]) -> tuple[int, str]:
    """Run a command of the manager; its exit code and what it said."""
    found = shutil.which(command[0], path=world.environ.get("PATH"))
    if found is None:
        return 127, f"{command[0]} is not there"
    try:
        done = subprocess.run(
            [found, *command[1:]],
            env=dict(world.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return 124, f"{command[0]} did not answer in {PATIENCE_S} seconds"
    return done.returncode, (done.stdout + done.stderr).strip()


def tell(world: Surroundings, commands: Sequence[Sequence[str]], log: str) -> None:
    """Run commands one after the other. Raises AnswerIsNo with what the first that fails said."""
    for command in commands:
        code, said = ask(world, command)
        if code:
            line = said.splitlines()[0] if said else f"exit code {code}"
            raise AnswerIsNo(f"{' '.join(command)}: {line}", hint=f"See what it says: {log}")


def lingers(world: Surroundings) -> bool | None:
    """Whether the user's services go on after logging out; None when that cannot be told."""
    code, said = ask(world, ("loginctl", "show-user", str(_uid()), "--property=Linger"))
    return None if code or "Linger=" not in said else "Linger=yes" in said


def _environment(world: Surroundings) -> Iterator[tuple[str, str]]:
    for name in PASSED_ON:
        if value := world.environ.get(name):
            yield name, value
    for name in PROXIES:
        # One with a password stays out of a file that the manager shows to everybody who asks.
        if (value := world.environ.get(name)) and "@" not in value:
            yield name, value


def _systemd(world: Surroundings, command: Sequence[str], environ: Mapping[str, str]) -> Manager:
    told = Path(world.environ.get("XDG_CONFIG_HOME", ""))
    folder = told if told.is_absolute() else home_of(world) / ".config"
    user = ("systemctl", "--user")
    return Manager(
        name="systemctl",
        file=folder / "systemd" / "user" / NAME,
        text=systemd_unit(command, environ),
        starts=((*user, "daemon-reload"), (*user, "enable", NAME), (*user, "restart", NAME)),
        stops=((*user, "disable", "--now", NAME),),
        forgets=((*user, "daemon-reload"),),
        asks=(*user, "is-active", "--quiet", NAME),
        log=f"journalctl --user -u {NAME}",
    )


def _launchd(world: Surroundings, command: Sequence[str], environ: Mapping[str, str]) -> Manager:
    log = str(world.paths.data / "proxy.log")
    file = home_of(world) / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    domain = f"gui/{_uid()}"
    return Manager(
        name="launchctl",
        file=file,
        text=launchd_job(command, environ, log),
        starts=(("launchctl", "bootstrap", domain, str(file)),),
        stops=(("launchctl", "bootout", f"{domain}/{LABEL}"),),
        forgets=(),
        asks=("launchctl", "print", f"{domain}/{LABEL}"),
        log=f"tail {log}",
    )


def _uid() -> int:
    return os.getuid() if hasattr(os, "getuid") else 0
