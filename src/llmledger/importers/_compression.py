"""Opening a log read-only, whatever it is compressed with."""

import gzip
import importlib
from pathlib import Path
from typing import IO, cast

from llmledger.errors import InputFileError

_MAGIC = {".gz": b"\x1f\x8b", ".zst": b"\x28\xb5\x2f\xfd"}
SUFFIXES = tuple(_MAGIC)


def open_binary(path: Path) -> IO[bytes]:
    """Open a file for reading bytes, decompressing what ends in .gz or .zst.

    Raises OSError as `open` does, and InputFileError when Zstandard is needed and not installed.
    """
    if path.suffix == ".gz":
        return cast(IO[bytes], gzip.open(path, "rb"))
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
        return cast(IO[bytes], module.open(path, "rb"))
    raise InputFileError(
        f"{path}: reading .zst needs Zstandard",
        hint="pip install zstandard (Python 3.14 has it built in), then import again",
    )
