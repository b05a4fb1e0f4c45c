"""Deciding what to do for a file: whether its output exists and is the one asked for."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lcodec.batch.directions import Action, Direction, Finding, Size, direction_of
from lcodec.batch.listing import Listed, Listing
from lcodec.batch.location import Location
from lcodec.batch.manifest import Manifest
from lcodec.batch.options import Options, settings
from lcodec.batch.plan import Job
from lcodec.batch.report import UNREADABLE, Stamp
from lcodec.batch.url import State, Url
from lcodec.errors import InputError, LcodecError

TYPICAL_PIXELS = 12_000_000
"""Of a photograph."""


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


class _Unreadable(Exception):
    """A source that will fail when it is processed."""


class Check:
    """Decides job by job. An existing file is replaced only by force, or if it is

    - an output that is damaged or empty, as after a disk failure or a power cut, or
    - one whose source has changed: it is newer, or differs from the one in the manifest.

    A sound output made with the options asked for is skipped. Anything else in place of an output
    is refused: a file of another kind, a folder, a picture of another size, other options, and the
    output of another one of the ``jobs``, where the file system does not tell their names apart.

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
        jobs: Iterable[Job] = (),
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
        self._alike = _alike(jobs)

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
            for other in self._alike.get(job, ()):
                if _is_same(other.output, output):
                    reason = f"{output}: is {other.output} there, the output of {other.source}"
                    return Decision(job, Action.REFUSE, reason)
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


def _is_same(one: Location, other: Location) -> bool:
    """Whether two paths are the same file, which exists."""
    return (
        isinstance(one, Path) and isinstance(other, Path) and one.exists() and one.samefile(other)
    )


def _alike(jobs: Iterable[Job]) -> dict[Job, list[Job]]:
    """For every job, those before it with the same output but for upper and lower case."""
    groups: dict[str, list[Job]] = {}
    found = {}
    for job in jobs:
        if isinstance(job.output, Path):
            group = groups.setdefault(str(job.output).casefold(), [])
            if group:
                found[job] = list(group)
            group.append(job)
    return found


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


Checker = Callable[[Job], Decision]
