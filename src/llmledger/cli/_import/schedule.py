"""What makes an import run by itself: a cron line, a systemd timer, a launchd job; printed, never installed."""

import shlex
import shutil
import sys
from enum import StrEnum


class Schedule(StrEnum):
    """Who starts the import."""

    CRON = "cron"
    SYSTEMD = "systemd"
    LAUNCHD = "launchd"


def command_line() -> list[str]:
    """How this program is called from nowhere in particular."""
    installed = shutil.which("llmledger")
    return [*([installed] if installed else [sys.executable, "-m", "llmledger"]), "import", "--yes"]


def schedule_text(kind: Schedule, command: list[str]) -> str:
    """The lines to put where the scheduler looks; comments say where that is."""
    if kind is Schedule.CRON:
        return f"# crontab -e\n17 * * * * {shlex.join(command)} >/dev/null 2>&1"
    return _systemd(command) if kind is Schedule.SYSTEMD else _launchd(command)


def _systemd(command: list[str]) -> str:
    return f"""# ~/.config/systemd/user/llmledger-import.service
[Unit]
Description=Read the logs of other tools into the ledger

[Service]
Type=oneshot
ExecStart={shlex.join(command)}

# ~/.config/systemd/user/llmledger-import.timer
[Unit]
Description=Every hour

[Timer]
OnCalendar=hourly
RandomizedDelaySec=10min
Persistent=true

[Install]
WantedBy=timers.target

# then: systemctl --user enable --now llmledger-import.timer"""


def _launchd(command: list[str]) -> str:
    from xml.sax.saxutils import escape

    words = "\n".join(f"    <string>{escape(word)}</string>" for word in command)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- ~/Library/LaunchAgents/llmledger.import.plist, then: launchctl load FILE -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>llmledger.import</string>
  <key>ProgramArguments</key>
  <array>
{words}
  </array>
  <key>StartInterval</key>
  <integer>3600</integer>
</dict>
</plist>"""
