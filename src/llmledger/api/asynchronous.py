"""The ledger for asyncio programs: the same methods, awaited; the disk is waited for in a thread."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import lru_cache, update_wrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from llmledger.api.classic import ClassicLedger
from llmledger.api.surroundings import user_paths

P = ParamSpec("P")
R = TypeVar("R")


def _awaited(
    method: Callable[Concatenate[ClassicLedger, P], R],
) -> Callable[Concatenate["AsyncLedger", P], Coroutine[Any, Any, R]]:
    """The same method for callers that await it."""

    async def call(self: "AsyncLedger", /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await asyncio.to_thread(method, self.sync, *args, **kwargs)

    update_wrapper(call, method)
    return call


class AsyncLedger:
    """An open ledger whose methods are awaited; `sync` is the same ledger for blocking code."""

    def __init__(self, sync: ClassicLedger) -> None:
        """Wrap an open ledger; `await AsyncLedger.open()` is the usual way."""
        self.sync = sync

    @classmethod
    async def open(cls, path: str | Path | None = None, *, create: bool = True) -> Self:
        """Open a ledger: the user's own, or the file at `path`. Raises StorageError when that is impossible."""
        return cls(await asyncio.to_thread(ClassicLedger.open, path, create=create))

    begin = _awaited(ClassicLedger.begin)
    finish = _awaited(ClassicLedger.finish)
    record = _awaited(ClassicLedger.record)
    request = _awaited(ClassicLedger.request)
    report = _awaited(ClassicLedger.report)
    usage = _awaited(ClassicLedger.usage)
    log_request = _awaited(ClassicLedger.log_request)
    log_response = _awaited(ClassicLedger.log_response)
    log_api_call = _awaited(ClassicLedger.log_api_call)
    get_usage_stats = _awaited(ClassicLedger.get_usage_stats)
    get_detailed_stats = _awaited(ClassicLedger.get_detailed_stats)
    get_aggregates = _awaited(ClassicLedger.get_aggregates)
    get_client_usage_data = _awaited(ClassicLedger.get_client_usage_data)
    get_request_details = _awaited(ClassicLedger.get_request_details)
    print_usage_info = _awaited(ClassicLedger.print_usage_info)
    close = _awaited(ClassicLedger.close)

    async def __aenter__(self) -> Self:
        """The ledger itself."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        await self.close()


async def log_api_call(  # noqa: PLR0913, PLR0917 - the order that callers know
    provider: str,
    model: str,
    endpoint: str = "",
    prompt_tokens: int | None = None,
    completion_tokens: int | None = None,
    latency_ms: float | None = None,
    operation_type: str | None = None,
    cache_hit: bool = False,  # noqa: FBT001, FBT002
    user_id: str | None = None,
    success: bool = True,  # noqa: FBT001, FBT002
    error_message: str | None = None,
) -> str:
    """Write the row of a call that is over into the user's own ledger; returns its id."""

    def call() -> str:
        return _own_ledger(user_paths().ledger).log_api_call(
            provider,
            model,
            endpoint,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            latency_ms=latency_ms,
            operation_type=operation_type,
            cache_hit=cache_hit,
            user_id=user_id,
            success=success,
            error_message=error_message,
        )

    return await asyncio.to_thread(call)


@lru_cache(maxsize=4)
def _own_ledger(path: Path) -> ClassicLedger:
    return ClassicLedger.open(path)
