"""Every error this program raises on purpose, its exit code, and what the user can do next.

LedgerError
├── UsageError            2   a flag, argument or value that cannot be meant
├── ConfigError           3   a config file, price table or other input file that cannot be used
│   ├── PriceTableError
│   ├── InputFileError
│   └── CannotConnect         another tool's settings cannot be changed as they stand
├── CredentialsError      4   no key, or the provider refused it
├── UpstreamError         5   the provider or the network failed
│   ├── UpstreamTimeout
│   ├── UpstreamUnreachable   no connection could be made: nothing was sent
│   │   └── BackendMissing        nothing listens where a local backend should
│   └── ProviderError         the provider answered with an error
├── StorageError          6   the ledger file cannot be opened, read or written
│   ├── LedgerMissing
│   ├── LedgerForeign         not a ledger of ours, truncated or corrupt
│   ├── LedgerNewer           written by a newer llmledger
│   ├── LedgerReadOnly
│   ├── LedgerBusy
│   └── LedgerUnavailable     neither ledger nor spool can take a record
├── LogReaderDied         6   the process that reads logs for an import ended early
└── AnswerIsNo            1   it ran, and the answer is no (mismatch, budget exceeded, check failed)

Each carries one line that names the item, and a hint that says what to do; the command line prints both, in one place.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; listed in the help."""

    OK = 0
    ANSWER_IS_NO = 1
    USAGE = 2
    CONFIG = 3
    CREDENTIALS = 4
    UPSTREAM = 5
    LEDGER = 6
    INTERRUPTED = 130


class LedgerError(Exception):
    """A failure that a user can act on: one line of what happened, one hint of what to do next."""

    exit_code = ExitCode.USAGE

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(LedgerError):
    """A flag, argument or value that cannot be meant."""


class ConfigError(LedgerError):
    """A config file that cannot be used as it stands."""

    exit_code = ExitCode.CONFIG


class PriceTableError(ConfigError):
    """A price table that would misprice requests if it were used."""


class InputFileError(ConfigError):
    """A file given by the user that cannot be read or understood."""


class CannotConnect(ConfigError):
    """Another tool's settings cannot be changed as they stand; the hint says what its user can do."""


class CredentialsError(LedgerError):
    """No key for a provider, or the provider refused the one it got."""

    exit_code = ExitCode.CREDENTIALS


class UpstreamError(LedgerError):
    """The provider or the network failed."""

    exit_code = ExitCode.UPSTREAM


class UpstreamTimeout(UpstreamError):
    """No answer came in the time allowed."""


class UpstreamUnreachable(UpstreamError):
    """No connection could be made, so nothing was sent and nothing can be billed."""


class BackendMissing(UpstreamUnreachable):
    """Nothing listens where a backend on this machine should."""


class ProviderError(UpstreamError):
    """The provider answered, and the answer was an error."""


class StorageError(LedgerError):
    """The ledger file cannot be opened, read or written."""

    exit_code = ExitCode.LEDGER


class LedgerMissing(StorageError):
    """There is no ledger file where one was expected, and reading never makes one."""


class LedgerForeign(StorageError):
    """The file is no ledger of ours, or it is truncated or corrupt."""


class LedgerNewer(StorageError):
    """The ledger was written by a newer llmledger than this one."""


class LedgerReadOnly(StorageError):
    """The ledger may be read but not written."""


class LedgerBusy(StorageError):
    """Another process kept the ledger locked for longer than we wait."""


class LogReaderDied(LedgerError):
    """The process that reads logs for an import ended before it had read them all."""

    exit_code = ExitCode.LEDGER


class LedgerUnavailable(StorageError):
    """Neither the ledger nor its spool can take another record."""


class AnswerIsNo(LedgerError):
    """The command ran and its answer is no."""

    exit_code = ExitCode.ANSWER_IS_NO
