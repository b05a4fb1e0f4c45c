"""Shards: tar files of pictures and their data, in the layout of WebDataset."""

from __future__ import annotations

import io
import itertools
import os
import re
import tarfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO, cast

from lcodec.batch.location import Location, parse_location
from lcodec.batch.plan import Job, Plan, check_destination, outputs_of
from lcodec.batch.report import failure
from lcodec.batch.url import Url
from lcodec.errors import InputError, UsageError
from lcodec.process.failures import decodable
from lcodec.suffixes import is_sought

SUFFIX = ".tar"
MOST = 1_000_000
"""Most shards that one command line may name."""

_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_BLOCK = 512
_LARGEST_SPARSE = 1 << 28
"""Most bytes of a file with holes, which take no room in a shard, but do in memory."""


def names_shards(text: str) -> bool:
    """Whether a path or URL on the command line names shards."""
    return text.partition("::")[0].lower().endswith(SUFFIX)


def expand(text: str) -> list[str]:
    """All names that match a pattern such as ``photos-{000..099}.tar``.

    Raises:
        UsageError: a range that counts down, or too many names.
    """
    parts = _RANGE.split(text)
    choices: list[list[str]] = [[parts[0]]]
    count = 1
    for first, last, tail in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        low, high = int(first), int(last)
        count *= max(0, high - low + 1)
        if not 0 < count <= MOST:
            raise UsageError(f"{text}: must be a range of 1 to {MOST} shards")
        width = len(first) if first.startswith("0") or len(first) == len(last) else 0
        choices += [[f"{number:0{width}}" for number in range(low, high + 1)], [tail]]
    return ["".join(words) for words in itertools.product(*choices)]


def plan_shards(patterns: Sequence[str], destination: str) -> Plan:
    """The shards that patterns name, with outputs of the same names in a folder, or of a pattern.

    Raises:
        UsageError: the patterns name different numbers of shards, or outputs would collide.
        OutputError: the destination cannot be written to.
    """
    sources = [parse_location(text) for pattern in patterns for text in expand(pattern)]
    target = parse_location(destination)
    outputs: list[Location]
    if names_shards(destination):
        outputs = [parse_location(text) for text in expand(destination)]
        if len(outputs) != len(sources):
            raise UsageError(f"{len(sources)} shards cannot become {len(outputs)}")
    else:
        check_destination(target)
        outputs = [target / shard.name for shard in sources]
    if len(set(outputs)) < len(outputs):
        raise UsageError(f"{destination}: several shards would get the same name there")
    inputs = {_where(shard) for shard in sources}
    jobs, problems = [], []
    for shard, output in zip(sources, outputs, strict=True):
        if _where(output) in inputs:
            reason = UsageError(f"{output}: is both an input and an output")
            problems.append(failure(shard, output, reason))
        else:
            jobs.append(Job(shard, output))
    return Plan(tuple(jobs), tuple(problems))


def _where(location: Location) -> str:
    # Unlike `Path.resolve`, it goes no further than a link to itself.
    return str(location) if isinstance(location, Url) else os.path.realpath(location)


@dataclass(frozen=True)
class Member:
    """A file in a shard, and the name of its output, None if it is copied unchanged."""

    info: tarfile.TarInfo
    output: str | None

    @property
    def name(self) -> str:
        """Its name in the source."""
        return self.info.name


@contextmanager
def opened(stream: BinaryIO, name: str) -> Iterator[tarfile.TarFile]:
    """Open a shard.

    Raises:
        InputError: it is not a tar file.
    """
    with decodable(name, "is not a tar file"):
        tar = tarfile.open(fileobj=stream, mode="r:")  # noqa: SIM115 - closed below
    with tar:
        yield tar


def members_of(
    tar: tarfile.TarFile, stream: BinaryIO, name: str, inputs: Collection[str], suffix: str
) -> list[Member]:
    """All members of a shard; those with a suffix of ``inputs`` have an output.

    Raises:
        InputError: it is truncated or damaged, two members would get the same name, or one has
            holes and is too large.
    """
    with decodable(name, "damaged"):
        infos = tar.getmembers()
        _check_end(tar, stream)
    for info in infos:
        if info.issparse() and info.size > _LARGEST_SPARSE:
            limit = f"{_LARGEST_SPARSE >> 20} MiB"
            raise InputError(f"{name}: {info.name}: a file with holes of more than {limit}")
    pictures = {info.name for info in infos if _is_picture(info, inputs)}
    paths = {PurePosixPath(one): one for one in sorted(pictures)}
    carried = {str(PurePosixPath(info.name)) for info in infos if info.name not in pictures}
    outputs: dict[str, str] = {}
    for path, output in outputs_of(paths, suffix, carried).items():
        if str(output) in carried:
            raise InputError(f"{name}: {path} cannot become {output}, which exists already")
        folder, slash, _ = paths[path].rpartition("/")
        outputs[paths[path]] = folder + slash + output.name
    return [
        Member(info, outputs.get(info.name) if _is_picture(info, inputs) else None)
        for info in infos
    ]


def content(tar: tarfile.TarFile, member: Member, name: str) -> bytes:
    """The data of a member that is a file.

    Raises:
        InputError: it cannot be read.
    """
    with decodable(f"{name}: {member.name}", "damaged"):
        return stream_of(tar, member).read()


def stream_of(tar: tarfile.TarFile, member: Member) -> BinaryIO:
    """A member as a file; a member that is not a file, such as a folder, is empty.

    Raises:
        tarfile.TarError, OSError, KeyError: it is damaged; also raised when it is read.
    """
    stream = tar.extractfile(member.info)
    return io.BytesIO() if stream is None else cast("BinaryIO", stream)


def _is_picture(info: tarfile.TarInfo, inputs: Collection[str]) -> bool:
    path = PurePosixPath(info.name)
    return (info.isfile() or info.islnk()) and is_sought(path, inputs)


def _check_end(tar: tarfile.TarFile, stream: BinaryIO) -> None:
    """Make sure that the end is not missing and nothing follows it; all members have been read."""
    # Where the last member ends. Its size does not tell: with holes it takes less room.
    stream.seek(tar.offset)
    if stream.read(_BLOCK) != bytes(_BLOCK):
        raise tarfile.ReadError("the end is missing")
    while chunk := stream.read(1 << 20):
        if chunk.count(0) != len(chunk):
            raise tarfile.ReadError("there is data after its end")
