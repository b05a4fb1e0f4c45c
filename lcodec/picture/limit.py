"""Pillow's limit on the size of pictures, lifted while ours is in force."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

_lock = threading.Lock()
_lifted = 0
_limit: int | None = None


@contextmanager
def no_pillow_limit() -> Iterator[None]:
    """Lift the limit, which is lower than ours; the last thread to leave restores it."""
    global _lifted, _limit
    with _lock:
        if not _lifted:
            _limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _lifted += 1
    try:
        yield
    finally:
        with _lock:
            _lifted -= 1
            if not _lifted:
                Image.MAX_IMAGE_PIXELS = _limit
