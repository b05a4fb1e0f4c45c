"""Whether an existing shard is the output asked for."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import BinaryIO

from lcodec.batch.directions import Action, Encoding, Finding, Size, direction_of
from lcodec.batch.location import Location, at_hand
from lcodec.batch.options import Options
from lcodec.batch.plan import Job
from lcodec.batch.report import UNREADABLE
from lcodec.batch.shards import Member, members_of, opened, stream_of
from lcodec.batch.shardwork import layout
from lcodec.errors import InputError, LcodecError
from lcodec.picture import probe
from lcodec.process.failures import own_errors

_BLOCK = 1 << 20


class ShardCheck:
    """Compares every member of an output with its source."""

    def __init__(self, options: Options) -> None:
        """Prepare to check.

        Raises:
            WeightsError: the model to encode with is missing.
        """
        self._layout = layout(options)
        self._pictures = direction_of(options)

    def size(self, source: Location) -> Size | None:
        """None: a shard has no size of its own."""
        if isinstance(source, Path) and not source.is_file():
            raise InputError(f"{source}: no such file")
        return None

    def find(self, job: Job, size: Size | None) -> Finding:
        """See `lcodec.batch.check.Direction`."""
        source, output = str(job.source), str(job.output)
        with own_errors("reading"), at_hand(job.output) as made:
            if not made.read(1):
                return Finding(Action.MAKE, "empty")
            made.seek(0)
            try:
                with opened(made, output) as there:
                    try:
                        found = members_of(there, made, output, (), "")
                    except InputError:
                        return Finding(Action.MAKE, "damaged")
                    try:
                        with at_hand(job.source) as stream, opened(stream, source) as tar:
                            wanted = members_of(tar, stream, source, *self._layout)
                            return self._compare(tar, wanted, there, found)
                    except (LcodecError, tarfile.TarError, KeyError):
                        return Finding(Action.MAKE, UNREADABLE)  # making it will fail
            except InputError:
                return Finding(Action.REFUSE, "not a tar file")

    def _compare(
        self,
        tar: tarfile.TarFile,
        wanted: list[Member],
        there: tarfile.TarFile,
        found: list[Member],
    ) -> Finding:
        total = 0
        if len(wanted) != len(found):
            return Finding(Action.REFUSE, "has other members", total)
        for member, made in zip(wanted, found, strict=True):
            source, stream = stream_of(tar, member), stream_of(there, made)
            if member.output is not None and made.name == member.output:
                finding = self._judge(source, stream)
                if finding.action is not Action.SKIP:
                    reason = finding.reason
                    if finding.action is Action.REFUSE:
                        reason = f"{made.name} is {reason}"
                    return Finding(finding.action, reason, finding.bytes)
                total += finding.bytes or 0
            elif member.name != made.name or not _are_equal(source, stream):
                return Finding(Action.REFUSE, f"{made.name} does not match its source", total)
        return Finding(Action.SKIP, "", total)

    def _judge(self, source: BinaryIO, made: BinaryIO) -> Finding:
        if isinstance(self._pictures, Encoding):
            return self._pictures.judge(made, _size(source))
        size = self._pictures.size_of(source)
        return self._pictures.judge(made, source.seek(0, io.SEEK_END), size)


def _size(picture: BinaryIO) -> Size | None:
    try:
        width, height, _ = probe(picture)
    except LcodecError:
        return None
    return width, height


def _are_equal(one: BinaryIO, other: BinaryIO) -> bool:
    while (block := one.read(_BLOCK)) == other.read(_BLOCK):
        if not block:
            return True
    return False
