"""Decode the alpha plane (see `lcodec.coding.alpha`) a few rows at a time."""

from __future__ import annotations

import lzma

import numpy as np

from lcodec.coding.alpha import _AXES, _WIDENED, Plane, _filters
from lcodec.errors import FormatError, UnsupportedError

_BAND = 1 << 22  # samples unpacked at once when skipping rows


class AlphaRows:
    """Decodes the rows of a payload in order; takes memory only for the rows asked for.

    Raises:
        FormatError: damaged.
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
        rows = np.frombuffer(data, np.dtype(self._stored).newbyteorder("<"))
        rows = rows.reshape(count, self._width).astype(self._stored)
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
        return rows.astype(np.uint16) * np.uint16(_WIDENED)

    def skip(self, count: int) -> None:
        """Skip the next rows."""
        band = max(1, _BAND // self._width)
        for start in range(0, count, band):
            self.read(min(band, count - start))

    def _unpack(self, size: int) -> bytes:
        out = bytearray()
        try:
            while len(out) < size and not self._decoder.eof:
                part = self._decoder.decompress(self._rest, size - len(out))
                self._rest = b""
                if not part and self._decoder.needs_input:
                    break
                out += part
        except lzma.LZMAError as error:
            raise FormatError("damaged alpha plane") from error
        if len(out) != size:
            raise FormatError("damaged alpha plane: not of the picture's size")
        return bytes(out)

    def _finish(self) -> None:
        """Check that nothing follows."""
        try:
            more = b"" if self._decoder.eof else self._decoder.decompress(self._rest, 1)
        except lzma.LZMAError as error:
            raise FormatError("damaged alpha plane") from error
        if more or not self._decoder.eof or self._decoder.unused_data:
            raise FormatError("damaged alpha plane: not of the picture's size")
