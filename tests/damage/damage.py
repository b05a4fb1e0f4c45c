"""Ways to damage a .lic file, and the judgement on what decoding the result does.

Every section carries a CRC, so plain damage is caught while the file is parsed. `beneath_crc`
therefore damages the coded streams and makes the CRCs right again: only the range decoder and the
checksum over the symbols can notice that.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random

from lcodec.container import TilePayload, describe, read, write
from lcodec.errors import (
    FormatError,
    InputError,
    LcodecError,
    MismatchError,
    UnsupportedError,
    WeightsError,
)

FORMAT, MISMATCH = FormatError.exit_code, MismatchError.exit_code
REFUSALS = frozenset((FORMAT, UnsupportedError.exit_code, WeightsError.exit_code, MISMATCH))
LONGEST_LINE = 300


@dataclass(frozen=True)
class Case:
    """A damaged file and the exit codes it may end with."""

    name: str
    data: bytes
    codes: frozenset[int] = REFUSALS


@dataclass
class Verdict:
    """What a number of cases led to."""

    codes: Counter[int] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest: float = 0.0
    slowest_case: str = ""


def header_end(data: bytes) -> int:
    """Bytes up to the end of the HEAD section of a sound file."""
    head = describe(data)["sections"][0]
    return head["offset"] + head["size"]


def flipped(data: bytes, bit: int) -> bytes:
    """``data`` with one bit changed."""
    out = bytearray(data)
    out[bit // 8] ^= 1 << bit % 8
    return bytes(out)


def flip(data: bytes, bit: int, head: int) -> Case:
    """One bit changed; one in the header may also make the picture too large."""
    codes = REFUSALS | {InputError.exit_code} if bit < 8 * head else REFUSALS
    return Case(f"bit {bit % 8} of byte {bit // 8}", flipped(data, bit), codes)


def flips(data: bytes, count: int, random: Random) -> Iterator[Case]:
    """``count`` single bits anywhere in the file."""
    head = header_end(data)
    for _ in range(count):
        yield flip(data, random.randrange(8 * len(data)), head)


def header_flips(data: bytes) -> Iterator[Case]:
    """Every bit of signature, version and header."""
    head = header_end(data)
    return (flip(data, bit, head) for bit in range(8 * head))


def truncations(data: bytes, count: int, random: Random) -> Iterator[Case]:
    """``count`` places where the file ends too early."""
    for _ in range(count):
        size = random.randrange(len(data))
        yield Case(f"first {size} bytes", data[:size])


def accidents(data: bytes, random: Random) -> Iterator[Case]:
    """What disks and transfers do: lost, doubled, added and blanked bytes."""
    at = random.randrange(header_end(data), len(data))
    yield Case("appended byte", data + b"\0")
    yield Case("appended copy", data + data)
    yield Case(f"lost byte {at}", data[:at] + data[at + 1 :])
    yield Case(f"doubled byte {at}", data[: at + 1] + data[at:])
    yield Case("text line ends", data.replace(b"\r\n", b"\n"))
    for size in (16, len(data) // 2):
        start = random.randrange(len(data) - size)
        blanked = data[:start] + bytes(size) + data[start + size :]
        if blanked != data:
            yield Case(f"{size} zeros from byte {start}", blanked)


def _damaged_stream(stream: bytes, random: Random) -> tuple[str, bytes]:
    """One of: a bit changed, words lost at the end, a word added, a word lost inside."""
    kind = random.choice(("bit", "bit", "bit", "cut", "longer", "gap"))
    if not stream or kind == "longer":
        return "word added", stream + random.randbytes(4)
    if kind == "bit":
        bit = random.randrange(8 * len(stream))
        return f"bit {bit}", flipped(stream, bit)
    word = 4 * random.randrange(len(stream) // 4)
    if kind == "cut":
        return f"cut to {word} bytes", stream[:word]
    return f"without word {word // 4}", stream[:word] + stream[word + 4 :]


def _damaged_tile(tile: TilePayload, random: Random) -> tuple[str, TilePayload]:
    """Damage one of the three fields of a tile."""
    match random.choice(("checksum", "hyper", "latent", "latent", "latent")):
        case "checksum":
            bit = random.randrange(32)
            return f"checksum bit {bit}", replace(tile, checksum=tile.checksum ^ 1 << bit)
        case "hyper":
            what, stream = _damaged_stream(tile.hyper, random)
            return f"hyper stream: {what}", replace(tile, hyper=stream)
        case _:
            what, stream = _damaged_stream(tile.latent, random)
            return f"latent stream: {what}", replace(tile, latent=stream)


def beneath_crc(data: bytes, count: int, random: Random) -> Iterator[Case]:
    """``count`` files with sound framing whose streams or checksums are damaged."""
    file = read(data)
    for _ in range(count):
        number = random.randrange(len(file.tiles))
        what, tile = _damaged_tile(file.tiles[number], random)
        tiles = [*file.tiles[:number], tile, *file.tiles[number + 1 :]]
        yield Case(
            f"tile {number}, {what}",
            write(file.header, tiles, file.extra),
            frozenset((FORMAT, MISMATCH)),
        )


def judge(case: Case, decode: Callable[[bytes], object]) -> tuple[int | None, str | None]:
    """Exit code, and what is wrong with how the file was refused."""
    try:
        decode(case.data)
    except LcodecError as error:
        line = str(error)
        if error.exit_code not in case.codes:
            return error.exit_code, f"exit code {error.exit_code}: {line}"
        if not line or len(line.splitlines()) != 1 or len(line) > LONGEST_LINE:
            return error.exit_code, f"not one clear line: {line!r}"
        return error.exit_code, None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a panic of native code is no Exception
        return None, f"{type(error).__name__}: {error}"
    return 0, "decoded without an error"


def try_all(
    name: str, cases: Iterable[Case], decode: Callable[[bytes], object], verdict: Verdict
) -> None:
    """Decode every case of the file ``name`` and note what happened in ``verdict``."""
    for case in cases:
        start = time.perf_counter()
        code, problem = judge(case, decode)
        seconds = time.perf_counter() - start
        label = f"{name}: {case.name}"
        if code is not None:
            verdict.codes[code] += 1
        if problem is not None:
            verdict.problems.append(f"{label}: {problem}")
        if seconds > verdict.slowest:
            verdict.slowest, verdict.slowest_case = seconds, label
