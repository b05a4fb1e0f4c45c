"""The 24 Kodak pictures of the published curves, recognised by their pixels."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib import resources

from lcodec.picture import Samples


def pixels_hash(pixels: Samples) -> str:
    """SHA-256 of samples, including shape and type: the same for every file of a picture."""
    head = f"{pixels.shape} {pixels.dtype}".encode()
    return hashlib.sha256(head + pixels.tobytes()).hexdigest()


@cache
def kodak_hashes() -> frozenset[str]:
    """The hashes of all 24 pictures."""
    text = resources.files("lcodec.bench").joinpath("data/kodak_pixels.sha256").read_text("utf-8")
    return frozenset(line.split()[0] for line in text.splitlines())


def is_kodak(hashes: Iterable[str]) -> bool:
    """Whether these hashes are those of the 24 pictures, all of them and no others."""
    listed = list(hashes)
    return len(listed) == len(kodak_hashes()) and set(listed) == kodak_hashes()
