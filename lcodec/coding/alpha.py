"""The lossless alpha plane: prediction from neighbours, then LZMA2 (docs/FORMAT.md, "ALPHA").

On seven mattes (discs, text, hair, fades, shadows, noise) this was 5 to 67 % smaller than PNG, and
from 54 % smaller to 13 % larger (with noise) than lossless WebP. Unlike WebP it has no size limit,
holds 16 bits, and undoes its predictions by running sums, in bounded time and memory.
"""

from __future__ import annotations

import lzma
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lcodec.errors import FormatError, UnsupportedError

Plane: TypeAlias = NDArray[np.unsignedinteger[Any]]

# What is subtracted from each sample, modulo 2^bits: nothing, the left neighbour, the upper one, or
# left + upper - upper left. The index is the number in the file.
_AXES: Final[tuple[tuple[int, ...], ...]] = ((), (1,), (0,), (1, 0))
_DICTIONARY: Final = 1 << 22
_WIDENED: Final = 257  # 255 * 257 = 65535
_SAMPLED: Final = 1 << 20  # samples looked at to choose the prediction
_PART: Final = 1 << 20  # bytes unpacked at a time
_BAND: Final = 1 << 22  # samples unpacked at once when skipping rows


def encode_alpha(plane: Plane) -> bytes:
    """The payload of an ALPHA section for a plane (H, W) of uint8 or uint16."""
    if plane.dtype == np.uint16 and not (plane % _WIDENED).any():
        plane = (plane // _WIDENED).astype(np.uint8)  # 8-bit samples in disguise
    predictor = _choose(plane)
    form = predictor | (plane.itemsize - 1) << 4
    return bytes((form,)) + _compress(_differences(plane, predictor), 6 | lzma.PRESET_EXTREME)


def decode_alpha(payload: bytes, shape: tuple[int, int], dtype: type[np.generic]) -> Plane:
    """The plane (H, W) of uint8 or uint16 that a payload holds.

    Memory grows with what is unpacked, up to the plane's size; a 16-bit plane stored in 8 bits
    takes half as much again.

    Raises:
        FormatError: damaged, or not of this size.
        UnsupportedError: coded in a way that this version does not know.
    """
    return AlphaRows(payload, shape, dtype).read(shape[0])


class AlphaRows:
    """Decodes the rows of a payload in order; takes memory only for the rows asked for.

    Raises:
        FormatError: damaged, or not of this size.
        UnsupportedError: coded in a way that this version does not know.
    """

    def __init__(self, payload: bytes, shape: tuple[int, int], dtype: type[np.generic]) -> None:
        if not payload:
            raise FormatError("damaged alpha plane: empty")
        predictor, self._size = payload[0] & 15, (payload[0] >> 4) + 1
        if predictor >= len(_AXES) or self._size > np.dtype(dtype).itemsize:
            raise UnsupportedError(f"unknown form 0x{payload[0]:02X} of the alpha plane")
        self._axes = _AXES[predictor]
        self._dtype, self._height, self._width = dtype, shape[0], shape[1]
        self._rest = payload[1:]
        self._decoder = lzma.LZMADecompressor(format=lzma.FORMAT_RAW, filters=_filters(1))
        self._stored = np.uint16 if self._size == 2 else np.uint8
        self._above: Plane = np.zeros(self._width, self._stored)
        self._done = 0

    def read(self, count: int) -> Plane:
        """The next rows (count, W) of uint8 or uint16."""
        data = self._unpack(count * self._width * self._size)
        rows: Plane = np.frombuffer(data, np.dtype(self._stored).newbyteorder("<"))
        rows = rows.reshape(count, self._width).astype(self._stored, copy=False)
        if 1 in self._axes:
            np.cumsum(rows, axis=1, dtype=self._stored, out=rows)
        if 0 in self._axes and count:
            rows[0] += self._above
            np.cumsum(rows, axis=0, dtype=self._stored, out=rows)
            self._above = rows[-1].copy()
        self._done += count
        if self._done == self._height:
            self._finish()
        if self._stored is self._dtype:
            return rows
        wide = rows.astype(np.uint16)
        wide *= np.uint16(_WIDENED)
        return wide

    def skip(self, count: int) -> None:
        """Skip the next rows."""
        band = max(1, _BAND // self._width)
        for start in range(0, count, band):
            self.read(min(band, count - start))

    def _unpack(self, size: int) -> bytearray:
        """Exactly ``size`` bytes; no more than that is ever held."""
        out = bytearray()
        while len(out) < size:
            part = self._decompress(min(_PART, size - len(out)))
            if not part:
                raise FormatError("damaged alpha plane: not of the picture's size")
            out += part
        return out

    def _finish(self) -> None:
        """Check that nothing follows."""
        if self._decompress(1) or not self._decoder.eof or self._decoder.unused_data:
            raise FormatError("damaged alpha plane: not of the picture's size")

    def _decompress(self, most: int) -> bytes:
        """The next bytes, at most so many; none at the end of the stream."""
        if self._decoder.eof:
            return b""
        data, self._rest = self._rest, b""
        try:
            return self._decoder.decompress(data, most)
        except lzma.LZMAError as error:
            raise FormatError("damaged alpha plane") from error


def _choose(plane: Plane) -> int:
    """The prediction that suits best, judged by four bands of a large plane."""
    rows = plane.shape[0]
    count = max(1, min(rows, _SAMPLED // plane.shape[1]))
    if count < rows:
        band = max(1, count // 4)
        starts = [(rows - band) * k // 3 for k in range(4)]
        plane = np.concatenate([plane[start : start + band] for start in starts])
    sizes = [len(_compress(_differences(plane, p), 1)) for p in range(len(_AXES))]
    return sizes.index(min(sizes))


def _differences(plane: Plane, predictor: int) -> Plane:
    for axis in _AXES[predictor]:
        before = np.zeros_like(plane)
        if axis:
            before[:, 1:] = plane[:, :-1]
        else:
            before[1:] = plane[:-1]
        plane = plane - before
    return plane


def _filters(itemsize: int, preset: int | None = None) -> list[dict[str, Any]]:
    chain: dict[str, Any] = {"id": lzma.FILTER_LZMA2, "dict_size": _DICTIONARY}
    if preset is not None:
        # Literals depend on their place in the sample; neighbouring bytes predict them badly.
        bits = itemsize - 1
        chain |= {"preset": preset, "lc": 0, "lp": bits, "pb": bits}
    return [chain]


def _compress(samples: Plane, preset: int) -> bytes:
    data = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<")).tobytes()
    filters = _filters(samples.itemsize, preset)
    return lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters)
