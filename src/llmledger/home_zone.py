"""The time zone that a new ledger belongs to for good: the one that was set, else this machine's."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from llmledger.core.window import zone_named

LOCALTIME = Path("/etc/localtime")


def home_zone(environ: Mapping[str, str], setting: str | None) -> str:
    """The zone of LLMLEDGER_TZ, of the settings, of the machine, else UTC. Raises UsageError for one that is none."""
    told = environ.get("LLMLEDGER_TZ") or setting
    if told is None:
        return machine_zone(environ) or "UTC"
    zone_named(told)
    return told


def machine_zone(environ: Mapping[str, str], localtime: Path = LOCALTIME) -> str | None:
    """The IANA name of this machine's time zone, from TZ or where its zone file points; None when neither tells."""
    told = environ.get("TZ", "").removeprefix(":")
    linked = str(localtime.resolve()) if localtime.is_symlink() else ""
    for name in (told, linked.partition("/zoneinfo/")[2]):
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            if name:
                return "UTC" if name == "Etc/UTC" else ZoneInfo(name).key
    return None
