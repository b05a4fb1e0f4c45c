"""Deciding what to do for a file: whether its output exists and is the one asked for."""

from __future__ import annotations

import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from lcodec import container
from lcodec.batch.listing import Listed, Listing
from lcodec.batch.location import Location, open_at, unreadable
from lcodec.batch.manifest import Manifest
from lcodec.batch.options import DecodeOptions, EncodeOptions, Options, other_model, settings
from lcodec.batch.plan import Job
from lcodec.batch.report import UNREADABLE, Stamp
from lcodec.batch.url import State, Url
from lcodec.container import METADATA, LicFile
from lcodec.errors import FormatError, InputError, LcodecError
from lcodec.kinds import HEAD_SIZE
from lcodec.limits import UNDECODED
from lcodec.picture import format_of_suffix, is_whole, probe, upright_size
from lcodec.process.failures import own_errors
from lcodec.weights import require_model, stated_id

TYPICAL_PIXELS = 12_000_000
"""Of a photograph."""

Size = tuple[int, int]
"""Width and height."""


class Action(StrEnum):
    """What to do for a job."""

    MAKE = "make"
    SKIP = "skip"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """What to do for a job, and why.

    ``width``, ``height``: size of the picture, upright; None if unknown. ``bytes``: size of the
    ``.lic`` file of a skipped job. ``replace`` says that the output exists.
    """

    job: Job
    action: Action
    reason: str
    replace: bool = False
    width: int | None = None
    height: int | None = None
    bytes: int | None = None

    @property
    def pixels(self) -> int:
        """Pixels of the picture, 0 if its size is unknown."""
        return (self.width or 0) * (self.height or 0)

    @property
    def expected_pixels(self) -> int:
        """Pixels of the picture, or a typical number if its size is unknown."""
        return self.pixels or (0 if self.reason == UNREADABLE else TYPICAL_PIXELS)


@dataclass(frozen=True)
class Finding:
    """What exists in place of an output; ``action`` is for an unchanged source.

    ``bytes`` is the size of the ``.lic`` file if a batch may have made this output, with any
    options; None otherwise. ``size`` is that of its picture, if known.
    """

    action: Action
    reason: str
    bytes: int | None = None
    size: Size | None = None


class Direction(Protocol):
    """What differs between encoding and decoding when outputs are checked."""

    def size(self, source: Location) -> Size | None:
        """Width and height of the picture in a source, None if it holds several.

        Raises:
            InputError, FormatError, UnsupportedError: it holds none.
        """

    def find(self, job: Job, size: Size | None) -> Finding:
        """Judge an existing output file, given the size of the picture.

        Raises:
            OSError: it cannot be read.
        """


class _Unreadable(Exception):
    """A source that will fail when it is processed."""


class Check:
    """Decides job by job. An existing file is replaced only by force, or if it is

    - an output that is damaged or empty, as after a disk failure or a power cut, or
    - one whose source has changed: it is newer, or differs from the one in the manifest.

    A sound output made with the options asked for is skipped. Anything else in place of an output
    is refused: a file of another kind, a folder, a picture of another size, other options.

    A picture in a store is asked only for its stamp as long as there is no output to compare it
    with. An output in a store whose version is in the manifest is not read again.
    """

    def __init__(
        self,
        options: Options,
        *,
        force: bool = False,
        manifest: Manifest | None = None,
        listing: Listing | None = None,
        direction: Direction | None = None,
    ) -> None:
        """Prepare to check; if not given, ``direction`` follows from the options.

        Raises:
            WeightsError: the model to encode with is missing.
        """
        self._direction = direction or direction_of(options)
        self._settings = settings(options)
        self._force = force
        self._manifest = manifest
        self._listing = listing or Listing()

    def __call__(self, job: Job) -> Decision:
        """The decision on one job."""
        listed = self._listing.take(job.source, job.output)
        try:
            # Only regular files are opened: a pipe may never answer.
            stamp = listed.stamp or Stamp.of(job.source)
            size = None if isinstance(job.source, Url) else self._direction.size(job.source)
        except LcodecError:
            # It will fail when it is processed, like any source that only looks sound.
            return Decision(job, Action.MAKE, UNREADABLE, replace=self._force)
        decision = self._decide(job, stamp, size, listed)
        if size is None or decision.width is not None:
            return decision
        return replace(decision, width=size[0], height=size[1])

    def _decide(self, job: Job, stamp: Stamp, size: Size | None, listed: Listed) -> Decision:
        output, state = job.output, listed.output
        try:
            if state is None and not listed.is_new:
                state = _state(output)
            if state is None:
                if isinstance(output, Path) and output.is_symlink() and not self._force:
                    reason = f"{output}: is a link to a missing file; `-f` creates that file"
                    return Decision(job, Action.REFUSE, reason)
                return Decision(job, Action.MAKE, "new")
            if state.is_dir:
                return Decision(job, Action.REFUSE, f"{output}: is a folder")
            if self._force:
                return Decision(job, Action.MAKE, "forced", replace=True)
            changed = self._has_changed(job, stamp, state)
            finding = self._known_version(job, state)
            if finding is None:
                if size is None:
                    size = self._size(job)
                finding = self._direction.find(job, size)
        except _Unreadable:
            return Decision(job, Action.MAKE, UNREADABLE, replace=self._force)
        except (OSError, InputError) as error:
            cause = getattr(error, "strerror", None) or error
            what = "cannot be looked up" if state is None else "exists and cannot be read"
            return Decision(job, Action.REFUSE, f"{output}: {what}: {cause}")
        if finding.action is Action.MAKE:
            return Decision(job, Action.MAKE, finding.reason, replace=True)
        if finding.bytes is not None and changed:
            return Decision(job, Action.MAKE, "its source has changed", replace=True)
        reason = finding.reason
        if finding.action is Action.SKIP:
            reason = self._other_settings(output)
            if not reason:
                # The file knows best how the picture was turned.
                width, height = finding.size or (None, None)
                return Decision(job, Action.SKIP, "finished", False, width, height, finding.bytes)
        return Decision(job, Action.REFUSE, f"{output}: exists, {reason}; `-f` replaces it")

    def _size(self, job: Job) -> Size | None:
        try:
            return self._direction.size(job.source)
        except LcodecError as error:
            raise _Unreadable from error

    def _has_changed(self, job: Job, source: Stamp, output: State) -> bool:
        known = self._manifest.known_stamp(job.output) if self._manifest else None
        if known is not None and None not in (known.source_etag, source.source_etag):
            return known.differs(source)
        if source.is_newer(output.st_mtime_ns, by_itself=isinstance(job.output, Url)):
            return True
        return known is not None and known.differs(source)

    def _known_version(self, job: Job, state: State) -> Finding | None:
        """A finding that an output in a store is sound, if the manifest has its version."""
        known = self._manifest.known(job.output) if self._manifest else None
        if known is None or state.etag is None or known.get("output_etag") != state.etag:
            return None
        return Finding(Action.SKIP, "", known.get("bytes"))

    def _other_settings(self, output: Location) -> str:
        """How the options in the manifest differ from those asked for, "" if they are the same."""
        known: Any = self._manifest.known(output) if self._manifest else None
        made: dict[str, Any] = (known or {}).get("settings", {})
        for name, old in made.items():
            new = self._settings.get(name)
            if old != new:
                return f"made with {name} {old}, not {'none' if new is None else new}"
        return ""


def direction_of(options: Options) -> Encoding | Decoding:
    """How to check outputs made with these options."""
    if isinstance(options, EncodeOptions):
        return Encoding(options)
    return Decoding(options)


def _state(output: Location) -> State | None:
    """The state of whatever exists in place of an output, None if nothing does."""
    if isinstance(output, Url):
        try:
            return output.stat()
        except FileNotFoundError:
            return None
    if not output.exists():
        return None
    state = output.stat()
    return State(state.st_size, state.st_mtime_ns, is_dir=stat.S_ISDIR(state.st_mode))


class Encoding:
    """Outputs are ``.lic`` files."""

    def __init__(self, options: EncodeOptions) -> None:
        self._quality = options.quality
        self._target = options.target
        self._model = require_model(options.model)
        self._model_id = stated_id(self._model)
        self._strip = options.strip

    def size(self, source: Location) -> Size:
        """See `Direction`."""
        try:
            with open_at(source) as stream:
                return upright_size(stream, str(source))
        except OSError as error:
            raise unreadable(source, error) from error

    def find(self, job: Job, size: Size | None) -> Finding:
        """See `Direction`."""
        with open_at(job.output) as stream:
            return self.judge(stream, size)

    def judge(self, stream: BinaryIO, size: Size | None) -> Finding:
        """Judge what exists in place of a ``.lic`` file."""
        start = stream.read(HEAD_SIZE)
        if not container.may_be_lic(start):
            return Finding(Action.REFUSE, "not a .lic file")
        try:
            file, coded = _read(stream, start)
        except FormatError:
            return Finding(Action.MAKE, "damaged" if start else "empty")
        except LcodecError as error:
            return Finding(Action.REFUSE, f"but {error}")
        header = file.header
        # An orientation stored after the pixels may have turned the picture.
        if size is not None and sorted((header.width, header.height)) != sorted(size):
            reason = f"holds a picture of {header.width}x{header.height}, not {size[0]}x{size[1]}"
        elif self._target is not None and self._target.is_exceeded(
            coded, header.width * header.height
        ):
            reason = f"has {coded} bytes, more than {self._target}"
        elif self._model_id is not None and header.model_id.hex() != self._model_id:
            reason = f"made with {other_model(header.model_id, self._model)}"
        elif self._quality is not None and header.quality != self._quality:
            reason = f"made with quality {header.quality}, not {self._quality}"
        elif self._strip and any(section.type in METADATA for section in file.extra):
            reason = "made without --strip"
        else:
            return Finding(Action.SKIP, "", coded, (header.width, header.height))
        return Finding(Action.REFUSE, reason, coded)


class Decoding:
    """Outputs are pictures."""

    def __init__(self, options: DecodeOptions) -> None:
        self._format = format_of_suffix(options.suffix)

    def size(self, source: Location) -> Size:
        """See `Direction`."""
        try:
            with open_at(source) as stream:
                return self.size_of(stream)
        except OSError as error:
            raise unreadable(source, error) from error

    def size_of(self, stream: BinaryIO) -> Size:
        """Width and height of the picture in a ``.lic`` file, whose every byte is checked."""
        header = _read(stream)[0].header
        return header.width, header.height

    def find(self, job: Job, size: Size | None) -> Finding:
        """See `Direction`."""
        coded = job.source.stat().st_size
        with open_at(job.output) as stream:
            return self.judge(stream, coded, size)

    def judge(self, stream: BinaryIO, coded: int | None, size: Size | None) -> Finding:
        """Judge what exists in place of a picture decoded from a file of ``coded`` bytes."""
        if not stream.read(1):
            return Finding(Action.MAKE, "empty")
        try:
            width, height, kind = probe(stream)
        except InputError:
            return Finding(Action.REFUSE, "not a picture")
        if kind != self._format:
            return Finding(Action.REFUSE, f"a picture of another format ({kind})", coded)
        if size is not None and (width, height) != size:
            reason = f"a picture of {width}x{height}, not {size[0]}x{size[1]}"
            return Finding(Action.REFUSE, reason, coded)
        if not is_whole(stream):
            return Finding(Action.MAKE, "damaged")
        return Finding(Action.SKIP, "", coded)


def _read(stream: BinaryIO, start: bytes = b"") -> tuple[LicFile, int]:
    """A file, with every byte checked whatever the picture size, and its size in bytes."""
    with own_errors("reading"):
        data = container.load(stream, UNDECODED, start)
        return container.read(data, limits=UNDECODED), len(data)


Checker = Callable[[Job], Decision]
