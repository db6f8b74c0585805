"""Opening a log read-only, whatever it is compressed with."""

import gzip
import importlib
import io
from pathlib import Path
from typing import IO, Any, cast

from llmledger.errors import InputFileError

_MAGIC = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
SUFFIXES = tuple(_MAGIC)


def open_binary(path: Path) -> IO[bytes]:
    """Open a file for reading bytes, decompressing what ends in .gz or .zst.

    Raises OSError as `open` does, and InputFileError when Zstandard is needed and not installed.
    """
    if path.suffix == ".gz":
        return _guarded(gzip.open(path, "rb"))
    if path.suffix == ".zst":
        return _open_zstd(path)
    return path.open("rb")


def is_compressed(path: Path) -> bool:
    """Whether a file is read as a compressed one."""
    return path.suffix in _MAGIC


def read_head(path: Path, size: int = 65_536) -> bytes:
    """The first decompressed bytes of a file."""
    with open_binary(path) as stream:
        return stream.read(size)


def _open_zstd(path: Path) -> IO[bytes]:
    for name in ("compression.zstd", "zstandard"):
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        return _guarded(module.open(path, "rb"))
    raise InputFileError(
        f"{path}: reading .zst needs Zstandard",
        hint="pip install zstandard (Python 3.14 has it built in), then import again",
    )


class _Decompressed(io.RawIOBase):
    """A decompressed stream whose every failure is an OSError, whatever its library raises."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            chunk = self._stream.read(len(buffer))
        except Exception as error:  # each library has an error class of its own
            raise OSError(f"damaged: {type(error).__name__}") from error
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        self._stream.close()
        super().close()


def _guarded(stream: object) -> IO[bytes]:
    return cast(IO[bytes], io.BufferedReader(_Decompressed(stream)))
