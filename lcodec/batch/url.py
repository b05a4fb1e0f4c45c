"""Files in stores supported by fsspec: S3, Google Cloud Storage, web servers, archives, ..."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO

from lcodec.errors import LcodecError, OutputError, UsageError
from lcodec.process.atomic import owner, scratch_file

_READ_ONLY = ("http", "https", "zip", "tar", "data", "git", "github")
"""Stores that fsspec cannot write to, or not atomically."""
_WHOLE_OBJECTS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory")
"""Stores where an upload becomes visible only when complete; elsewhere files are renamed."""
HELD = 256 << 20
"""Most bytes of a file that its server can only send whole."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMES = ("mtime", "LastModified", "last_modified", "Last-Modified", "updated", "modified")
_VERSIONS = ("ETag", "etag", "content_md5", "Content-MD5", "md5Hash")


@dataclass(frozen=True)
class State:
    """What a store reports about a file: bytes, modification time, version; None if unknown."""

    st_size: int | None
    st_mtime_ns: int | None
    etag: str | None = None
    is_dir: bool = False


@dataclass(frozen=True, order=True)
class Url:
    """A file or folder in a store, with the methods of `pathlib.Path` that a batch needs.

    ``path`` is what follows ``scheme://``, without a trailing slash; ``rest`` is where the store
    itself is, as in ``zip://photos::s3://bucket/all.zip`` (see fsspec on URL chaining).

    Every failure in a store is an OSError; a store that is not installed is a UsageError.
    """

    scheme: str
    path: str
    rest: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.path}{self.rest}"

    def __truediv__(self, other: str | PurePath) -> Url:
        tail = other.as_posix() if isinstance(other, PurePath) else other
        return Url(self.scheme, f"{self.path}/{tail}" if self.path else tail, self.rest)

    @property
    def pure(self) -> PurePosixPath:
        """The path, without the query of a web address."""
        return PurePosixPath(self.path.partition("?")[0] if "http" in self.scheme else self.path)

    @property
    def name(self) -> str:
        """The last part of the path, without the query of a web address."""
        return self.pure.name

    @property
    def suffix(self) -> str:
        """The suffix of the name, with its dot."""
        return self.pure.suffix

    @property
    def parent(self) -> Url:
        """The folder that it is in."""
        return Url(self.scheme, self.path.rpartition("/")[0], self.rest)

    @property
    def is_read_only(self) -> bool:
        """Whether the store is read-only."""
        return self.scheme in _READ_ONLY or bool(self.rest)

    @property
    def is_of_this_process(self) -> bool:
        """Whether the store exists in this process only."""
        return self.scheme == "memory" or self.rest.startswith("::memory:")

    def stat(self) -> State:
        """Size, time and version of the file.

        Raises:
            OSError: FileNotFoundError if there is none.
        """
        with self._store() as (store, path):
            return _state(store.info(path))

    def exists(self) -> bool:
        """Whether a file or folder exists there."""
        try:
            self.stat()
        except FileNotFoundError:
            return False
        return True

    def is_dir(self) -> bool:
        """Whether a folder exists there."""
        with contextlib.suppress(FileNotFoundError):
            return self.stat().is_dir
        return False

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open the file for random-access reading; only the parts that are read are fetched.

        A file that a web server can only send whole is held in memory, up to `HELD` bytes.
        """
        with self._store() as (store, path), store.open(path, "rb") as stream:
            yield _held(stream) if self._is_stream(stream) else stream

    def _is_stream(self, stream: Any) -> bool:
        # fsspec says that such files can seek, but fails when they seek back.
        return "http" in self.scheme and getattr(stream, "size", None) is None

    def find(self) -> dict[str, State]:
        """All files below this folder, by their paths relative to it, as the store has them.

        Those need not be in normal form: a store may have ``x//a.png`` beside ``x/a.png``.

        Raises:
            OSError: FileNotFoundError if it does not exist, NotADirectoryError for a file.
        """
        with self._store() as (store, path):
            root = str(store._strip_protocol(path)).rstrip("/")
            found: dict[str, dict[str, Any]] = store.find(path, detail=True)
            if not found and not store.exists(path):
                raise FileNotFoundError(f"{self}: no such file or folder")
            if root in {name.rstrip("/") for name in found}:
                raise NotADirectoryError(f"{self}: is not a folder")
            files = {name: info for name, info in found.items() if info.get("type") == "file"}
            return {
                name.removeprefix(root).removeprefix("/"): _state(info)
                for name, info in files.items()
            }

    @contextmanager
    def write(self, *, overwrite: bool) -> Iterator[BinaryIO]:
        """Yield a binary file that becomes this one when the block ends without an exception.

        It is first written on this machine, then uploaded; unless the store shows uploads only when
        complete, it is uploaded under another name and renamed.

        Raises:
            OutputError: it exists and ``overwrite`` is false, or it cannot be written.
        """
        if self.is_read_only:
            raise OutputError(f"{self}: {self.scheme}:// is read-only")
        with scratch_file() as (stream, local):
            yield stream
            stream.flush()
            try:
                self._upload(local, overwrite=overwrite)
            except FileExistsError:
                raise OutputError(f"{self}: exists already") from None
            except OSError as error:
                raise OutputError(f"{self}: cannot be written: {_reason(error)}") from error

    def _upload(self, local: Path, *, overwrite: bool) -> None:
        with self._store() as (store, path):
            if not overwrite and store.exists(path):
                raise FileExistsError
            if self.scheme in _WHOLE_OBJECTS:
                # Stores that can, refuse by themselves if the file has been created meanwhile.
                store.put_file(str(local), path, mode="overwrite" if overwrite else "create")
                return
            folder, _, _ = path.rpartition("/")
            if folder:
                store.makedirs(folder, exist_ok=True)
            beside = f"{folder}/{local.name}" if folder else local.name
            try:
                store.put_file(str(local), beside)
                store.mv(beside, path)
            except BaseException:
                with contextlib.suppress(Exception):
                    store.rm_file(beside)
                raise

    def delete_stale(self, dead: Set[str]) -> int:
        """Delete what processes that have been seen to end left in this folder, and count it.

        ``dead`` are the tokens of these processes, see `lcodec.process.atomic`.
        """
        if self.scheme in _WHOLE_OBJECTS or self.is_read_only:
            return 0
        count = 0
        with contextlib.suppress(OSError), self._store() as (store, path):
            for name in store.ls(path, detail=False):
                if owner(name.rpartition("/")[2]) in dead:
                    with contextlib.suppress(FileNotFoundError):
                        store.rm_file(name)
                        count += 1
        return count

    @contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """The store and the path in it; its errors become OSError with a one-line reason."""
        try:
            from fsspec.core import url_to_fs

            # Listings are not cached: others write to the store, too.
            store, path = url_to_fs(str(self), use_listings_cache=False)
        except ImportError as error:
            hint = "`pip install 'lcodec[remote]'` brings S3, Google Cloud Storage and the web"
            raise UsageError(f"{self}: {_reason(error)}; {hint}") from error
        except ValueError as error:
            raise UsageError(f"{self}: {_reason(error)}") from error
        try:
            yield store, path
        except (OSError, LcodecError):
            raise
        except Exception as error:  # of many kinds, different for each library
            raise OSError(f"{type(error).__name__}: {_reason(error)}") from error


def _held(stream: Any) -> BinaryIO:
    data = bytearray()
    while block := stream.read(1 << 20):
        data += block
        if len(data) > HELD:
            raise OSError(f"it is larger than {HELD >> 20} MiB, and its server cannot send parts")
    return io.BytesIO(data)


def _state(info: Mapping[str, Any]) -> State:
    size = info.get("size")
    version = next((info[key] for key in _VERSIONS if info.get(key)), None)
    time = next((ns for key in _TIMES if (ns := _nanoseconds(info.get(key))) is not None), None)
    return State(
        None if size is None else int(size),
        time,
        None if version is None else str(version).strip('"'),
        info.get("type") == "directory",
    )


def _nanoseconds(value: object) -> int | None:
    """A time, in any form a store may give it, in nanoseconds since 1970."""
    if isinstance(value, int | float):
        return int(value * 10**9)
    if isinstance(value, str):
        value = _of_text(value)
    if not isinstance(value, datetime):
        return None
    if value.tzinfo is None:
        value = value.replace(tzinfo=UTC)
    return (value - _EPOCH) // timedelta(microseconds=1) * 1000


def _of_text(text: str) -> datetime | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError):
            return parse(text)
    return None


def _reason(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()) or type(error).__name__
