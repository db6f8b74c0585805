"""Ledgers of known facts: rows written straight into the schema, and the facts themselves for a second opinion."""

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.resources import files

from llmledger.core.usage import COLUMN_UNITS

UNIT_COLUMNS = tuple(unit.name for unit in COLUMN_UNITS)
PEOPLE = ("client", "user", "team", "project", "operation", "app", "key", "host")
TRAITS = ("source", "dialect", "endpoint", "status", "billing", "cost_source", "usage_quality")


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One request as it is written, with everything that reports look at."""

    started_ms: int = 1_795_000_000_000
    provider: str = "openai"
    model: str = "gpt-5-mini"
    client: str | None = None
    user: str | None = None
    team: str | None = None
    project: str | None = None
    operation: str | None = None
    app: str | None = None
    key: str | None = None
    host: str | None = None
    session: str | None = None
    branch: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    source: str = "run"
    dialect: str = "openai_chat"
    endpoint: str = "/v1/chat/completions"
    status: str = "completed"
    billing: str = "api"
    cost_source: str = "computed"
    usage_quality: str = "exact"
    cost: int | None = 0
    latency_ms: int | None = None
    first_token_ms: int | None = None
    usage: Mapping[str, int] = field(default_factory=lambda: {"input_tokens": 100, "output_tokens": 10})
    other_usage: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The model as reports write it."""
        return f"{self.provider}/{self.model}"

    @property
    def failed(self) -> bool:
        return self.status in {"failed", "interrupted"}

    @property
    def estimated(self) -> bool:
        return self.usage_quality in {"estimated", "partial"} or self.cost_source == "default"

    @property
    def untold(self) -> bool:
        return "input_tokens" not in self.usage and "output_tokens" not in self.usage


def blank_ledger(path: str = ":memory:", home_zone: str = "UTC") -> sqlite3.Connection:
    """A ledger without a row."""
    connection = sqlite3.connect(path)
    for name in ("schema_v1.sql", "schema_v1_guards.sql", "schema_v1_views.sql"):
        connection.executescript(files("llmledger.ledger").joinpath(name).read_text(encoding="utf-8"))
    connection.execute("INSERT INTO meta VALUES ('home_zone', ?), ('ledger_id', '00')", (home_zone,))
    connection.commit()
    return connection


def request_id(number: int) -> bytes:
    """An id for the numbered request; both ends differ from those of others."""
    return number.to_bytes(4, "big") + b"\x70" * 8 + number.to_bytes(4, "big")


@dataclass
class LedgerRows:
    """Writes facts as rows, and corrections to them."""

    connection: sqlite3.Connection
    count: int = 0
    _ids: dict[tuple[object, ...], int] = field(default_factory=dict)

    def add(self, fact: Fact) -> bytes:
        """Write one request; answers with its id."""
        self.count += 1
        identity = request_id(self.count)
        columns = {
            "request_id": identity,
            "started_ms": fact.started_ms,
            **self._places(fact),
            "outcome_id": self._outcome(),
            "attempts": 1,
            "cache_hit": 0,
            "latency_ms": fact.latency_ms,
            "first_token_ms": fact.first_token_ms,
            "other_usage": json.dumps(fact.other_usage) if fact.other_usage else None,
            "cost_nanousd": fact.cost,
            **{name: fact.usage.get(name) for name in UNIT_COLUMNS},
        }
        row = self._insert("requests", columns)
        self._insert("seen", {"key": identity, "row": row, "status": 0, "cost_nanousd": fact.cost})
        return identity

    def adjust(self, identity: bytes | None, fact: Fact, sign: int, kind: str, cost: int | None = None) -> None:
        """Append a signed copy of a fact's measures; `cost` alone replaces them for a pure change of money."""
        whole = cost is None
        self._insert(
            "adjustments",
            {
                "kind": kind,
                "cause": f"{kind}:{self.connection.execute('SELECT count(*) FROM adjustments').fetchone()[0]}",
                "request_id": identity,
                "effective_ms": fact.started_ms,
                "booked_ms": fact.started_ms + 1,
                "reason": "told by a test",
                **self._places(fact),
                "requests": sign * whole,
                "failed": sign * (whole and fact.failed),
                "unpriced": sign * (whole and fact.cost is None),
                "estimated": sign * (whole and fact.estimated),
                "untold": sign * (whole and fact.untold),
                **{name: sign * whole * fact.usage.get(name, 0) for name in UNIT_COLUMNS},
                "other_usage": json.dumps({k: str(sign * int(v)) for k, v in fact.other_usage.items()})
                if whole and fact.other_usage
                else None,
                "cost_nanousd": sign * (fact.cost or 0) if cost is None else cost,
            },
        )

    def move(self, identity: bytes, old: Fact, new: Fact, kind: str) -> None:
        """Let a request count as another fact from now on."""
        self.adjust(identity, old, -1, "reversal")
        self.adjust(identity, replace(new, started_ms=old.started_ms), 1, kind)

    def _places(self, fact: Fact) -> dict[str, object]:
        people = {name: getattr(fact, name) for name in PEOPLE}
        session = {"session": fact.session, "branch": fact.branch, "tags": json.dumps(fact.tags) if fact.tags else None}
        return {
            "model_id": self._entry("models", {"provider": fact.provider, "model": fact.model}),
            "attribution_id": self._entry("attributions", people, digest=True),
            "trait_id": self._entry("traits", {name: getattr(fact, name) for name in TRAITS}),
            "session_id": self._entry("sessions", session, digest=True) if any(session.values()) else None,
        }

    def _outcome(self) -> int:
        return self._entry("outcomes", {"http_status": 200}, digest=True)

    def _entry(self, table: str, columns: dict[str, object], *, digest: bool = False) -> int:
        known = (table, *columns.values())
        if known not in self._ids:
            extra = {"digest": len(self._ids).to_bytes(16, "big")} if digest else {}
            self._ids[known] = self._insert(table, {**columns, **extra})
        return self._ids[known]

    def _insert(self, table: str, columns: dict[str, object]) -> int:
        marks = ", ".join("?" for _ in columns)
        cursor = self.connection.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", list(columns.values())
        )
        return cursor.lastrowid or 0
