"""Limits on the sections of a file, checked by their lengths as they arrive."""

from __future__ import annotations

from lcodec.container import sections
from lcodec.container.header import Header
from lcodec.errors import InputError
from lcodec.limits import Ancillary, DecoderLimits, longest_alpha, longest_tile


class Bounds:
    """Checks the sections after the header, in order, up to the end."""

    def __init__(self, header: Header, limits: DecoderLimits) -> None:
        self._ancillary = Ancillary(limits)
        self._header = header
        self._metadata = limits.metadata
        self._tiles = 0

    def belongs(self, code: int, size: int, start: int) -> bool:
        """Whether a file can have another section of this kind here; ``start`` is where it begins.

        Raises:
            InputError: its ``size`` bytes exceed a limit, or what such a section can have.
        """
        most, known = self._metadata, True
        if sections.is_tile(code):
            self._tiles += 1
            known = self._tiles <= self._header.tile_count
            most = longest_tile(self._header)
        elif code == sections.ALPHA:
            most = longest_alpha(self._header)
        elif sections.is_ancillary(code):
            self._ancillary.add(size)
        elif code != sections.END:
            known = False
        if size > most:
            name = sections.section_name(code)
            raise InputError(
                f"{name} section of {size} bytes at byte {start}: over the limit of {most}"
            )
        return known
