"""What the service managers of Linux and macOS are given so that the proxy runs as long as its user."""

import plistlib
import re
from collections.abc import Mapping, Sequence

NAME = "llmledger-proxy.service"
LABEL = "llmledger.proxy"
STOP_S = 45
"""Seconds to stop in: requests in flight get 30 of them."""


def systemd_unit(command: Sequence[str], environ: Mapping[str, str]) -> str:
    """A unit for `systemd --user`."""
    variables = "".join(f"Environment={_word(f'{name}={value}')}\n" for name, value in environ.items())
    return f"""[Unit]
Description=llmledger proxy: meters LLM requests
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
Type=exec
ExecStart={" ".join([_word(command[0]), *map(_argument, command[1:])])}
{variables}Restart=on-failure
RestartSec=2
KillMode=mixed
TimeoutStopSec={STOP_S}

[Install]
WantedBy=default.target
"""


def launchd_job(command: Sequence[str], environ: Mapping[str, str], log: str) -> str:
    """A property list for launchd."""
    job: dict[str, object] = {
        "Label": LABEL,
        "ProgramArguments": list(command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ExitTimeOut": STOP_S,
        "ProcessType": "Interactive",
        "StandardErrorPath": log,
    }
    if environ:
        job["EnvironmentVariables"] = dict(environ)
    return plistlib.dumps(job, sort_keys=False).decode()


def _word(text: str) -> str:
    """One word of a unit file, where blanks part words and % begins a specifier."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return safe if re.fullmatch(r"[\w./=:@+-]+", text) else f'"{safe}"'


def _argument(text: str) -> str:
    """A word behind the program's name, where systemd puts variables in too."""
    return _word(text).replace("$", "$$")
