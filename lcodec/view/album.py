"""The files being viewed: decoded when first requested, one at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path

from lcodec import container
from lcodec.container import DEFAULT_MAX_PIXELS, Description, Survey
from lcodec.errors import FormatError
from lcodec.library.licforms import as_bytes, inspect
from lcodec.limits import DecoderLimits
from lcodec.view import preview

THUMBNAIL = 256
"""Side of thumbnails in pixels."""

KEPT_BYTES = 256 << 20
"""Most bytes of PNG files of whole pictures kept; one is kept whatever its size."""


class Album:
    """Files by number; thread-safe."""

    def __init__(
        self,
        files: Iterable[Path],
        *,
        device: str = "auto",
        max_pixels: int = DEFAULT_MAX_PIXELS,
    ) -> None:
        self.files = tuple(files)
        self._device = device
        self._max_pixels = max_pixels
        self._thumbnails: dict[int, bytes] = {}
        self._wholes: OrderedDict[int, bytes] = OrderedDict()
        self._lock = threading.Lock()  # decoding takes all cores already

    def description(self, number: int) -> Description:
        """What a file holds; nothing is decoded.

        Raises:
            InputError, FormatError, UnsupportedError: it cannot be read.
        """
        return inspect(self.files[number], max_pixels=self._max_pixels)

    def remains(self, number: int) -> Survey | None:
        """What is left of a damaged file; None if nothing is that can be shown.

        Raises:
            InputError, FormatError, UnsupportedError: it cannot be read, or its header is lost.
        """
        limits = DecoderLimits.for_pixels(self._max_pixels)
        data = as_bytes(self.files[number], limits, container.load_damaged)
        found = container.survey(data, limits=limits)
        return found if found.tiles or found.cut else None

    def _is_damaged(self, number: int) -> bool:
        try:
            self.description(number)
        except FormatError:
            return True
        return False

    def whole(self, number: int) -> bytes:
        """The picture, or what is left of it if the file is damaged, as a PNG file.

        Raises:
            LcodecError: it cannot be decoded.
        """
        with self._lock:
            found = self._wholes.get(number)
            if found is None:
                salvages = self._is_damaged(number) and self.remains(number) is not None
                show = preview.salvaged if salvages else preview.shown
                path = self.files[number]
                image = show(path, device=self._device, max_pixels=self._max_pixels)
                found = self._wholes[number] = preview.png(image)
            self._wholes.move_to_end(number)
            while len(self._wholes) > 1 and sum(map(len, self._wholes.values())) > KEPT_BYTES:
                self._wholes.popitem(last=False)
            return found

    def thumbnail(self, number: int) -> bytes:
        """A PNG file of at most `THUMBNAIL` pixels a side; raises as `whole`."""
        with self._lock:
            if number not in self._thumbnails:
                image = preview.preview(
                    self.files[number],
                    THUMBNAIL,
                    device=self._device,
                    max_pixels=self._max_pixels,
                )
                self._thumbnails[number] = preview.png(image)
            return self._thumbnails[number]


Facts = Callable[[Description], list[tuple[str, str]]]
"""A description of a file, in rows of label and text."""
