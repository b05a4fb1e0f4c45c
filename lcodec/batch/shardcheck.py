"""Whether the shard in the place of an output is the one asked for."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

from lcodec.batch.check import UNREADABLE, Action, Encoding, Finding, Size, direction_of
from lcodec.batch.location import Location, at_hand
from lcodec.batch.options import Options
from lcodec.batch.plan import Job
from lcodec.batch.shards import Member, content, members_of, opened
from lcodec.batch.shardwork import layout
from lcodec.errors import InputError, LcodecError
from lcodec.picture import probe


class ShardCheck:
    """Compares every member of an output with the one it was made of."""

    def __init__(self, options: Options) -> None:
        """Prepare to check.

        Raises:
            WeightsError: the model to encode with is not there.
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
        inputs, suffix = self._layout
        source, output = str(job.source), str(job.output)
        with at_hand(job.output) as made:
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
                            wanted = members_of(tar, stream, source, inputs, suffix)
                            return self._compare(tar, wanted, there, found)
                    except InputError:
                        return Finding(Action.MAKE, UNREADABLE)  # and fails when it is made
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
            source, data = content(tar, member, ""), content(there, made, "")
            if member.output is not None and made.name == member.output:
                finding = self._judge(source, data)
                if finding.action is not Action.SKIP:
                    reason = finding.reason
                    if finding.action is Action.REFUSE:
                        reason = f"{made.name} is {reason}"
                    return Finding(finding.action, reason, finding.bytes)
                total += finding.bytes or 0
            elif (member.name, source) != (made.name, data):
                return Finding(Action.REFUSE, f"{made.name} is not that of its source", total)
        return Finding(Action.SKIP, "", total)

    def _judge(self, source: bytes, data: bytes) -> Finding:
        if isinstance(self._pictures, Encoding):
            return self._pictures.judge(data, _size(source))
        return self._pictures.judge(data, len(source), self._pictures.size_of(source))


def _size(picture: bytes) -> Size | None:
    try:
        width, height, _ = probe(io.BytesIO(picture), "")
    except LcodecError:
        return None
    return width, height
