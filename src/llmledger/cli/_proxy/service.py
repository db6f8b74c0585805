"""`llmledger proxy install`, `status` and `uninstall`: the proxy as a service of its user."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from llmledger.cli._context import Surroundings, surroundings
from llmledger.cli._options import JsonOption
from llmledger.cli._render import envelope, note, out, wrapped
from llmledger.errors import AnswerIsNo

if TYPE_CHECKING:
    from llmledger.cli._proxy.service_manager import Manager

STARTS_IN_S = 15.0
NO_MANAGER = "there is no service manager of the user here (systemd --user or launchd)"
NO_MANAGER_HINT = (
    "In a container or under another init, have it run `llmledger proxy` as it runs other services; "
    "a unit to adapt: llmledger proxy install --print"
)


def install(
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, max=64, help="Processes on one port and ledger.")
    ] = 1,
    shown: Annotated[bool, typer.Option("--print", help="Only print what would be installed.")] = False,
) -> None:
    """Have the proxy run always: as a service of yours, by systemd or launchd.

    It listens where the settings say (`llmledger config set proxy.port 4747`), and starts anew when it fails.
    """
    _install(surroundings(), workers, shown=shown, platform=sys.platform, patience_s=STARTS_IN_S)


def status(json: JsonOption = False) -> None:
    """Say whether the service is installed and running, and whether the proxy answers; exit code 1 when it does not."""
    _status(surroundings(), json=json, platform=sys.platform)


def uninstall() -> None:
    """Stop the service and take its file away; requests in flight may end, and the ledger stays."""
    _uninstall(surroundings(), platform=sys.platform)


def _install(world: Surroundings, workers: int, *, shown: bool, platform: str, patience_s: float) -> None:
    from llmledger.cli._connect.tools import proxy_of
    from llmledger.cli._machine import shown_path
    from llmledger.cli._proxy import service_manager as service
    from llmledger.cli._start import listens
    from llmledger.operations.connect import LOOPBACK

    chosen = service.manager(world, ("--workers", str(workers)) if workers > 1 else (), platform)
    if shown:
        out(f"# {shown_path(world, chosen.file)}" if chosen.name == "systemctl" else f"<!-- {chosen.file} -->")
        out(chosen.text, end="")
        return
    if not service.is_running_here(world, chosen):
        raise AnswerIsNo(NO_MANAGER, hint=NO_MANAGER_HINT)
    url = proxy_of(world).url
    if world.config.proxy.host not in LOOPBACK:
        raise AnswerIsNo(
            f"the settings say {world.config.proxy.host}, where an access key is needed, and a service has none",
            hint="Let it listen on this machine only: llmledger config set proxy.host 127.0.0.1",
        )
    is_active = service.ask(world, chosen.asks)[0] == 0
    if not is_active and listens(url):
        raise AnswerIsNo(f"somebody listens at {url} already", hint="Stop it first; llmledger proxy status says who.")
    if is_active and chosen.name == "launchctl":
        service.tell(world, chosen.stops, chosen.log)
    chosen.file.parent.mkdir(parents=True, exist_ok=True)
    chosen.file.write_text(chosen.text, encoding="utf-8")
    chosen.file.chmod(0o600)
    service.tell(world, chosen.starts, chosen.log)
    note(f"Installed: {shown_path(world, chosen.file)}")
    _wait_for(url, chosen, patience_s)
    if chosen.name == "systemctl" and service.lingers(world) is False:
        note(wrapped("It runs while you are logged in. To have it run always: loginctl enable-linger"))
    note(wrapped("Point your tools at it: llmledger connect"))


def _wait_for(url: str, chosen: "Manager", patience_s: float) -> None:
    from llmledger.cli._start import listens

    deadline = time.monotonic() + patience_s
    while not listens(url):
        if time.monotonic() > deadline:
            raise AnswerIsNo(f"the service was started, and nobody listens at {url} yet", hint=f"See: {chosen.log}")
        time.sleep(0.1)
    note(f"The proxy listens at {url}.")


def _status(world: Surroundings, *, json: bool, platform: str) -> None:
    from llmledger.cli._connect.tools import proxy_of
    from llmledger.cli._machine import shown_path
    from llmledger.cli._proxy import service_manager as service
    from llmledger.cli._proxy.health import health

    chosen, url = service.manager(world, (), platform), proxy_of(world).url
    has_manager = service.is_running_here(world, chosen)
    is_active = has_manager and service.ask(world, chosen.asks)[0] == 0
    answer = health(url)
    if json:
        facts: dict[str, Any] = {
            "manager": chosen.name if has_manager else None,
            "file": chosen.file if chosen.is_installed else None,
            "is_active": is_active,
            "url": url,
            "health": answer,
        }
        out(envelope("llmledger.proxy-status/1", facts))
    else:
        state = "runs" if is_active else "does not run"
        service_line = (
            f"installed ({shown_path(world, chosen.file)}), {state}" if chosen.is_installed else "not installed"
        )
        out(wrapped(f"Service  {service_line if has_manager else f'{service_line}; {NO_MANAGER}'}"))
        out(wrapped(f"Proxy    {_told(answer)} at {url}"))
    if answer is None:
        raise AnswerIsNo(f"no proxy answers at {url}", hint="Start it: llmledger proxy, or: llmledger proxy install")


def _told(answer: dict[str, Any] | None) -> str:
    if answer is None:
        return "nobody answers"
    workers = f", {answer['workers']} workers" if "workers" in answer else ""
    in_flight = f"{answer.get('in_flight', 0):,} in flight"
    return (
        f"{answer.get('status')} (version {answer.get('version')}, ledger {answer.get('ledger')}, {in_flight}{workers})"
    )


def _uninstall(world: Surroundings, *, platform: str) -> None:
    from llmledger.cli._machine import shown_path
    from llmledger.cli._proxy import service_manager as service

    chosen = service.manager(world, (), platform)
    if not chosen.is_installed:
        raise AnswerIsNo(f"the service is not installed: there is no {shown_path(world, chosen.file)}")
    if service.is_running_here(world, chosen):
        service.tell(world, chosen.stops, chosen.log)
        chosen.file.unlink()
        service.tell(world, chosen.forgets, chosen.log)
    else:
        chosen.file.unlink()
    note(f"Taken away: {shown_path(world, chosen.file)}. The ledger and your tools' settings stay as they are.")
