"""Unsigned LEB128 numbers and a bounds-checked cursor over a buffer."""

from __future__ import annotations

from lcodec.errors import FormatError


def encode_uvarint(value: int) -> bytes:
    """Return the shortest LEB128 form of ``value``: 7 bits a byte, low bits first.

    Raises:
        ValueError: ``value`` is negative.
    """
    if value < 0:
        raise ValueError(f"uvarint of a negative number: {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Cursor:
    """Reads fields from ``view[pos:end]``, moving forward; never reads past ``end``.

    Positions stay those of the whole buffer, or of the file where the buffer begins at its byte
    ``base``, so that messages can name the byte in the file.
    Every method raises FormatError when the field does not fit in what is left.
    """

    def __init__(
        self, view: memoryview, pos: int = 0, end: int | None = None, base: int = 0
    ) -> None:
        self._view = view
        self._base = base
        self._end = base + (len(view) if end is None else end)
        self.pos = base + pos

    @property
    def remaining(self) -> int:
        """Bytes left."""
        return self._end - self.pos

    def take(self, count: int, what: str) -> memoryview:
        """Return the next ``count`` bytes without copying them."""
        if count > self.remaining:
            raise FormatError(
                f"truncated: {what} at byte {self.pos} needs {count} bytes, {self.remaining} left"
            )
        start = self.pos - self._base
        self.pos += count
        return self._view[start : start + count]

    def u8(self, what: str) -> int:
        """Read one byte."""
        return self.take(1, what)[0]

    def u32(self, what: str) -> int:
        """Read a 32-bit little-endian number."""
        return int.from_bytes(self.take(4, what), "little")

    def uvarint(self, what: str, limit: int) -> int:
        """Read a number of at most ``limit``; only its shortest form is valid."""
        start = self.pos
        value = shift = 0
        while True:
            byte = self.u8(what)
            value |= (byte & 0x7F) << shift
            # Checked at every byte, so a run of 0x80 bytes ends early too.
            if value > limit or shift > limit.bit_length():
                raise FormatError(f"{what} at byte {start} is larger than {limit}")
            if byte < 0x80:
                break
            shift += 7
        if byte == 0 and shift:
            raise FormatError(f"{what} at byte {start} is not in its shortest form")
        return value
