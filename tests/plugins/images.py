"""Pillow images as files and back."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image, ImageFile


def opened(data: bytes) -> ImageFile.ImageFile:
    return Image.open(io.BytesIO(data))


def saved(image: Image.Image, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "LIC", **options)
    return buffer.getvalue()
