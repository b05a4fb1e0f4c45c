"""What has to be done for a file: whether its output is there and is the one asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from lcodec import container
from lcodec.batch.manifest import Manifest
from lcodec.batch.options import DecodeOptions, EncodeOptions, Options, settings
from lcodec.batch.plan import Job
from lcodec.batch.report import Stamp
from lcodec.container import EXIF, ICC, PACKED, XMP, LicFile
from lcodec.edge import own_errors
from lcodec.errors import FormatError, InputError, LcodecError
from lcodec.limits import UNDECODED
from lcodec.picture import format_of_suffix, is_whole, probe
from lcodec.weights import require_model, stated_id

_METADATA = (ICC, EXIF, XMP, PACKED)


class Action(StrEnum):
    """What is to be done for a job."""

    MAKE = "make"
    SKIP = "skip"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decision:
    """What is to be done for a job, and why.

    ``width``, ``height``: size of the picture, None if not known; ``bytes``: size of the ``.lic``
    file of a job that is skipped. ``replace`` says that the output exists.
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
        """Pixels of the picture, 0 if its size is not known."""
        return (self.width or 0) * (self.height or 0)


@dataclass(frozen=True)
class Finding:
    """What stands in the place of an output: ``action`` if its source has not changed since.

    ``bytes`` is the size of the ``.lic`` file if a batch can have made this output, with whatever
    options; None if it is something else.
    """

    action: Action
    reason: str
    bytes: int | None = None


class Direction(Protocol):
    """What differs between encoding and decoding when outputs are checked."""

    def size(self, source: Path) -> tuple[int, int]:
        """Width and height of the picture in a source.

        Raises:
            InputError, FormatError, UnsupportedError: it has none.
        """

    def find(self, job: Job, size: tuple[int, int]) -> Finding:
        """What an output that is a file is worth, given the size of the picture.

        Raises:
            OSError: it cannot be read.
        """


class Check:
    """Decides job by job. What is there is replaced only by force, or if it is

    - an output that is damaged or empty, as a failing disk or a power cut leaves it, or
    - one whose source has changed: it is newer, or not the one the manifest knows.

    An output that is sound and made with the options asked for is skipped. Everything else that
    stands in the place of an output is a refusal: a file of another kind, a folder, a picture of
    another size, other options.
    """

    def __init__(
        self, options: Options, *, force: bool = False, manifest: Manifest | None = None
    ) -> None:
        """Prepare to check.

        Raises:
            WeightsError: the model to encode with is not there.
        """
        self._direction = _direction(options)
        self._settings = settings(options)
        self._force = force
        self._manifest = manifest

    def __call__(self, job: Job) -> Decision:
        """The decision on one job."""
        try:
            stamp = Stamp.of(job.source)  # what is no file is not opened: a pipe never answers
            size = self._direction.size(job.source)
        except LcodecError:
            # It fails when it is worked on, like everything that looks sound at first.
            return Decision(job, Action.MAKE, "cannot be read", replace=self._force)
        return replace(self._decide(job, stamp, size), width=size[0], height=size[1])

    def _decide(self, job: Job, stamp: Stamp, size: tuple[int, int]) -> Decision:
        output = job.output
        try:
            if output.is_dir():
                return Decision(job, Action.REFUSE, f"{output}: is a folder")
            if output.is_symlink() and not output.exists() and not self._force:
                reason = f"{output}: is a link to nothing; `-f` writes what it points to"
                return Decision(job, Action.REFUSE, reason)
            if not output.exists():
                return Decision(job, Action.MAKE, "new")
            if self._force:
                return Decision(job, Action.MAKE, "forced", replace=True)
            finding = self._direction.find(job, size)
            changed = self._has_changed(job, stamp)
        except OSError as error:
            reason = f"{output}: exists and cannot be read: {error.strerror or error}"
            return Decision(job, Action.REFUSE, reason)
        if finding.action is Action.MAKE:
            return Decision(job, Action.MAKE, finding.reason, replace=True)
        if finding.bytes is not None and changed:
            return Decision(job, Action.MAKE, "its source has changed", replace=True)
        reason = finding.reason
        if finding.action is Action.SKIP:
            reason = self._other_settings(output)
            if not reason:
                return Decision(job, Action.SKIP, "finished", bytes=finding.bytes)
        return Decision(job, Action.REFUSE, f"{output}: exists, {reason}; `-f` replaces it")

    def _has_changed(self, job: Job, source: Stamp) -> bool:
        if source.source_mtime_ns > job.output.stat().st_mtime_ns:
            return True
        known = self._manifest.known_stamp(job.output) if self._manifest else None
        return known is not None and known != source

    def _other_settings(self, output: Path) -> str:
        """How the options in the manifest differ from those asked for, "" if they do not."""
        known: Any = self._manifest.known(output) if self._manifest else None
        made: dict[str, Any] = (known or {}).get("settings", {})
        for name, old in made.items():
            new = self._settings.get(name)
            if old != new:
                return f"made with {name} {old}, not {'none' if new is None else new}"
        return ""


def _direction(options: Options) -> Direction:
    if isinstance(options, EncodeOptions):
        return _Encoding(options)
    return _Decoding(options)


class _Encoding:
    """Outputs are ``.lic`` files."""

    def __init__(self, options: EncodeOptions) -> None:
        self._quality = options.quality
        self._target = options.target
        self._model = options.model
        self._model_id = stated_id(require_model(options.model))
        self._strip = options.strip

    def size(self, source: Path) -> tuple[int, int]:
        width, height, _ = probe(source)
        return width, height

    def find(self, job: Job, size: tuple[int, int]) -> Finding:
        with job.output.open("rb") as stream:
            start = stream.read(len(container.SIGNATURE))
            if not container.SIGNATURE.startswith(start):
                return Finding(Action.REFUSE, "not a .lic file")
            try:
                file, coded = _read(stream, start)
            except FormatError:
                return Finding(Action.MAKE, "damaged" if start else "empty")
            except LcodecError as error:
                return Finding(Action.REFUSE, f"but {error}")
        header = file.header
        # The EXIF orientation may have turned the picture.
        if sorted((header.width, header.height)) != sorted(size):
            reason = f"holds a picture of {header.width}x{header.height}, not {size[0]}x{size[1]}"
        elif self._target is not None and self._target.is_exceeded(coded, size[0] * size[1]):
            reason = f"has {coded} bytes, more than {self._target}"
        elif self._quality is not None and header.quality != self._quality:
            reason = f"made with quality {header.quality}, not {self._quality}"
        elif self._model_id is not None and header.model_id.hex() != self._model_id:
            reason = f"made with other weights than those of {self._model}"
        elif self._strip and any(section.type in _METADATA for section in file.extra):
            reason = "made without --strip"
        else:
            return Finding(Action.SKIP, "", coded)
        return Finding(Action.REFUSE, reason, coded)


class _Decoding:
    """Outputs are pictures."""

    def __init__(self, options: DecodeOptions) -> None:
        self._format = format_of_suffix(options.suffix)

    def size(self, source: Path) -> tuple[int, int]:
        try:
            with source.open("rb") as stream:
                header = _read(stream)[0].header
        except OSError as error:
            raise InputError(f"{source}: cannot be read") from error
        return header.width, header.height

    def find(self, job: Job, size: tuple[int, int]) -> Finding:
        if not job.output.stat().st_size:
            return Finding(Action.MAKE, "empty")
        try:
            width, height, kind = probe(job.output)
        except InputError:
            return Finding(Action.REFUSE, "not a picture")
        coded = job.source.stat().st_size
        if kind != self._format:
            return Finding(Action.REFUSE, f"a picture of another format ({kind})", coded)
        if (width, height) != size:
            reason = f"a picture of {width}x{height}, not {size[0]}x{size[1]}"
            return Finding(Action.REFUSE, reason, coded)
        if not is_whole(job.output):
            return Finding(Action.MAKE, "damaged")
        return Finding(Action.SKIP, "", coded)


def _read(stream: BinaryIO, start: bytes = b"") -> tuple[LicFile, int]:
    """A file of which every byte has been checked, however large the picture; and its size."""
    with own_errors("reading"):
        data = container.load(stream, UNDECODED, start)
        return container.read(data, limits=UNDECODED), len(data)


Checker = Callable[[Job], Decision]
