"""Lifting Pillow's limit on picture sizes while ours applies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image

from lcodec.process.forks import Lock, in_forked_child

_lock = Lock()
_lifted = 0
_limit: int | None = None


def _put_back() -> None:
    """Forget the threads that a forked process does not have."""
    global _lifted
    if _lifted:
        _lifted = 0
        Image.MAX_IMAGE_PIXELS = _limit


in_forked_child(_put_back)


@contextmanager
def no_pillow_limit() -> Iterator[None]:
    """Lift Pillow's limit, which is lower than ours; the last thread to leave restores it."""
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
