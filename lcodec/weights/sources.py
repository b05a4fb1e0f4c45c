"""Where ``lcodec weights add`` takes models from: folders, wheels, clones, addresses.

A source hands out files by their paths in a lock ("models/<model>/..."). It is not trusted:
`lcodec.weights.add` compares what it gives with the catalogue. Standard library only, except for
an address, which needs pooch.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import IO

from lcodec.errors import UsageError, WeightsError, reason_of
from lcodec.weights.catalogue import Released
from lcodec.weights.lock import FOLDER_NAME, LockedFile
from lcodec.weights.stored import CONFIG_LIMIT, parse_object

Moved = Callable[[int], object]
"""Called with how many more bytes have come."""

_CONFIG = re.compile(rf"{FOLDER_NAME}/[^/]+/config\.json")
_BLOCK = 1 << 18


class Source(ABC):
    """Hands out the files of models; ``name`` is for messages."""

    name: str

    @abstractmethod
    def ids(self) -> list[str]:
        """Ids, in hexadecimal, of all models in it.

        Raises:
            WeightsError: it cannot be read, or cannot list them.
        """

    @abstractmethod
    def save(self, released: Released, file: LockedFile, target: Path, moved: Moved) -> None:
        """Write what it has as ``file`` of a released model to ``target``.

        At most one byte more is written than the file should have.

        Raises:
            WeightsError: it is not there, or cannot be read.
            OSError: ``target`` cannot be written.
        """

    def close(self) -> None:  # noqa: B027
        """Release its resources; nothing can be taken from it afterwards."""


def is_address(text: str) -> bool:
    """Whether a source is an http(s) address."""
    return bool(re.match(r"https?://", text, re.IGNORECASE))


def open_source(text: str, revision: str | None = None) -> Source:
    """The source that ``text`` names; with a revision, that of the clone in the folder ``text``.

    Raises:
        UsageError: a revision of something that is not a folder.
        WeightsError: models cannot be taken from it.
    """
    if revision is not None:
        if not os.path.isdir(text):
            raise UsageError(f"{text}: `--git` needs the folder of a clone")
        return GitSource(Path(text), revision)
    if is_address(text):
        from lcodec.weights.fetch import AddressSource

        return AddressSource(text)
    if os.path.isdir(text):
        return FolderSource(Path(text))
    if not os.path.exists(text):
        raise WeightsError(f"{text}: no such file or folder")
    return WheelSource(Path(text))


class _Readable(Source):
    """A source that lists its files and opens them."""

    @abstractmethod
    def listed(self) -> list[str]:
        """Paths of its files, those of all configurations among them."""

    @abstractmethod
    def opened(self, path: str) -> AbstractContextManager[IO[bytes]]:
        """One of the files; raises KeyError or FileNotFoundError if it is not there."""

    def ids(self) -> list[str]:
        found = []
        for path in sorted(filter(_CONFIG.fullmatch, self.listed())):
            with ExitStack() as stack:
                text = b"".join(self._blocks(path, CONFIG_LIMIT + 1, stack))
            try:
                config = parse_object(text)
            except ValueError as error:
                raise WeightsError(f"{self.name}: {path} is not JSON: {error}") from error
            model_id = config.get("model_id")
            if isinstance(model_id, str):
                found.append(model_id)
        return found

    def save(self, released: Released, file: LockedFile, target: Path, moved: Moved) -> None:
        with ExitStack() as stack, target.open("wb") as output:
            for block in self._blocks(file.path, file.size + 1, stack):
                output.write(block)
                moved(len(block))

    def _blocks(self, path: str, limit: int, stack: ExitStack) -> Iterator[bytes]:
        """The first ``limit`` bytes of a file, which is open until the stack ends."""
        try:
            stream = stack.enter_context(self.opened(path))
            while block := stream.read(min(limit, _BLOCK)):
                yield block
                limit -= len(block)
        except (KeyError, FileNotFoundError) as error:
            raise WeightsError(f"{self.name}: {path} is not in it") from error
        except Exception as error:  # of an archive that is damaged, of many kinds
            raise WeightsError(f"{self.name}: {path} cannot be read: {reason_of(error)}") from error


class FolderSource(_Readable):
    """A folder of models, or one with it inside: a checkout, or an installed package."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        inside = [folder / FOLDER_NAME, folder / "lcodec" / FOLDER_NAME]
        self._models = next((one for one in inside if one.is_dir()), folder)

    def listed(self) -> list[str]:
        found = self._models.glob("*/config.json")
        return [f"{FOLDER_NAME}/{path.relative_to(self._models).as_posix()}" for path in found]

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        with (self._models / path.partition("/")[2]).open("rb") as stream:
            yield stream


class WheelSource(_Readable):
    """A wheel of lcodec, or another ZIP file with the folder of models in it."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        try:
            self._archive = zipfile.ZipFile(path)
        except OSError as error:
            raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from error
        except Exception as error:  # of what is no archive, or a damaged one, of many kinds
            raise WeightsError(f"{path}: neither a folder of models nor a wheel") from error
        wheel = any(name.startswith("lcodec/") for name in self._archive.namelist())
        self._prefix = "lcodec/" if wheel else ""

    def listed(self) -> list[str]:
        names = self._archive.namelist()
        return [name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)]

    def opened(self, path: str) -> AbstractContextManager[IO[bytes]]:
        return self._archive.open(self._prefix + path)

    def close(self) -> None:
        self._archive.close()


class GitSource(_Readable):
    """The folder ``models`` at a revision of a local clone."""

    def __init__(self, folder: Path, revision: str) -> None:
        self.name = f"{folder} at {revision}"
        self._folder = folder
        if shutil.which("git") is None:
            raise WeightsError("`git` is not installed")
        asked = f"{revision}^{{commit}}"
        found = self._git("rev-parse", "--verify", "--quiet", "--end-of-options", asked)
        self._commit = found.decode().strip()
        if not self._commit:
            raise WeightsError(
                f"{folder}: no commit {revision} there: not a clone of lcodec, or a shallow one"
                " (`git fetch --unshallow` completes it)"
            )

    def listed(self) -> list[str]:
        names = self._git("ls-tree", "-rz", "--full-tree", "--name-only", self._commit, FOLDER_NAME)
        return [os.fsdecode(name) for name in names.split(b"\0") if name]

    @contextmanager
    def opened(self, path: str) -> Iterator[IO[bytes]]:
        if path not in self.listed():
            raise KeyError(path)
        command = ["git", "-C", str(self._folder), "cat-file", "blob", f"{self._commit}:{path}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as git:
            assert git.stdout is not None
            try:
                yield git.stdout
                complete = not git.stdout.read(1)
            finally:
                git.stdout.close()  # ends git, if it has more
        if complete and git.returncode:
            raise WeightsError(
                f"{self.name}: git cannot read {path}; a clone without large files has to fetch it"
            )

    def _git(self, *arguments: str) -> bytes:
        command = ["git", "-C", str(self._folder), *arguments]
        return subprocess.run(command, capture_output=True, check=False).stdout
