"""Between Pillow images of any mode and pictures, with notes on what was lost."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lcodec.errors import InputError
from lcodec.picture.deep import load_deep, raw_modes, scaled
from lcodec.picture.metadata import EXIF_PREFIX, NOTHING_GIVEN, Given, collect
from lcodec.picture.picture import Picture, Samples

_REDUCED = "16-bit samples reduced to 8 bits"
_DEEP_GRAY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_GRAY = ("1", "L", "LA", "La")

# EXIF orientation tag values 2..8 (EXIF 2.32, tag 0x0112): how to bring the picture upright.
_UPRIGHT: dict[int, Callable[[Samples], Samples]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}


# Loading an image and parsing its EXIF change it, and it may come from several threads at once.
# Images are not hashable, so one of these is taken by the image's address.
_LOCKS = tuple(threading.Lock() for _ in range(61))


def from_pil(image: Image.Image, given: Given = NOTHING_GIVEN) -> Picture:
    """Pixels, alpha and metadata of a Pillow image of any mode, upright.

    Bilevel and gray modes give gray, everything else RGB; 16-bit files that were not yet loaded
    give 16 bits. CMYK becomes sRGB through the image's profile. Of several frames the first
    (current) one is taken. Metadata ``given`` takes the place of the image's own, see
    `lcodec.picture.metadata.collect`.

    Raises:
        InputError: samples of an unknown range (floating point, 32-bit) or a Lab picture.
        OSError and others: whatever Pillow raises while it decodes a damaged file.
    """
    with _LOCKS[id(image) % len(_LOCKS)]:
        return _from_pil(image, given)


def _from_pil(image: Image.Image, given: Given) -> Picture:
    layouts = raw_modes(image)
    reduced = any(";16" in layout for layout in layouts) or _reduced_by_decoder(image)
    frames = int(getattr(image, "n_frames", 1))
    deep = load_deep(image)
    notes: list[str] = []
    if deep is not None:
        pixels, alpha = _split(deep)
    elif image.mode in _DEEP_GRAY:
        # 12-bit TIFF samples come unscaled.
        pixels, alpha = _deep_gray(image, 4095 if "I;12" in layouts else 65535), None
    else:
        pixels, alpha = _split(_shallow(image, notes))
        notes += [_REDUCED] if reduced else []
    if alpha is None and pixels.dtype == np.uint16:
        alpha = _transparent_colour(image, pixels)
    if frames > 1:
        notes.append(f"only the first of {frames} frames is kept")
    metadata, orientation, dropped = collect(image, 1 if pixels.ndim == 2 else 3, given)
    if orientation in _UPRIGHT:
        turn = _UPRIGHT[orientation]
        pixels, alpha = turn(pixels), None if alpha is None else turn(alpha)
    return Picture(pixels, (*notes, *dropped), alpha, metadata)


def to_pil(picture: Picture) -> Image.Image:
    """A Pillow image of mode L, LA, RGB, RGBA or I;16, with the metadata in its ``info``.

    Pillow has no other modes of 16 bits: colours and alpha are reduced to 8.
    """
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype == np.uint16 and (pixels.ndim == 3 or alpha is not None):
        pixels, alpha = reduced_to_bytes(pixels), None if alpha is None else reduced_to_bytes(alpha)
    image = Image.fromarray(pixels)
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    data = picture.metadata
    if data.icc:
        image.info["icc_profile"] = data.icc
    if data.exif:
        image.info["exif"] = EXIF_PREFIX + data.exif
    if data.xmp:
        image.info["xmp"] = data.xmp
    return image


def reduced_to_bytes(samples: Samples) -> NDArray[np.uint8]:
    """16-bit samples rounded to 8 bits; 8-bit ones as they are."""
    if samples.dtype == np.uint8:
        return cast(NDArray[np.uint8], samples)
    return ((samples.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)


def _split(samples: Samples) -> tuple[Samples, Samples | None]:
    """Pixels and alpha of samples (H, W) or (H, W, 2 to 4)."""
    if samples.ndim == 2 or samples.shape[2] == 3:
        return samples, None
    if samples.shape[2] == 2:
        return samples[..., 0], samples[..., 1]
    return samples[..., :3], samples[..., 3]


def _shallow(image: Image.Image, notes: list[str]) -> NDArray[np.uint8]:
    """8-bit samples (H, W) or (H, W, 2 to 4) of a loaded image."""
    if image.mode in ("F", "LAB"):
        kind = "floating-point samples" if image.mode == "F" else "the Lab colour space"
        raise InputError(f"{kind}: not supported")
    if image.mode == "CMYK":
        return np.array(_from_cmyk(image, notes))
    wanted = "L" if image.mode in _GRAY else "RGB"
    if image.has_transparency_data:
        wanted += "A"
    return np.array(image if image.mode == wanted else image.convert(wanted))


def _from_cmyk(image: Image.Image, notes: list[str]) -> Image.Image:
    icc = image.info.get("icc_profile")
    if icc:
        try:
            converted = ImageCms.profileToProfile(
                image,
                ImageCms.ImageCmsProfile(io.BytesIO(icc)),
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            notes.append("CMYK converted to sRGB through its ICC profile")
            return converted
    kind = "an unusable" if icc else "no"
    notes.append(f"CMYK with {kind} colour profile converted to RGB by rule of thumb")
    return image.convert("RGB")


def _deep_gray(image: Image.Image, full: int) -> NDArray[np.uint16]:
    samples = np.asarray(image)
    if samples.min() < 0 or samples.max() > full:
        raise InputError("gray samples of more than 16 bits, or negative ones: not supported")
    return scaled(samples.astype(np.uint16), full)


def _transparent_colour(image: Image.Image, pixels: Samples) -> NDArray[np.uint16] | None:
    """Alpha of a 16-bit picture that names one colour to be seen through."""
    colour = image.info.get("transparency")
    if not isinstance(colour, (int, tuple)):
        return None
    same = pixels == np.asarray(colour, dtype=np.uint16)
    if same.ndim == 3:
        same = same.all(axis=2)
    return np.where(same, 0, 65535).astype(np.uint16)


def _reduced_by_decoder(image: Image.Image) -> bool:
    """Whether a file has colours of more than 8 bits that its decoder gives as 8."""
    stream = cast(Any, getattr(image, "fp", None))
    if image.format not in ("AVIF", "JPEG2000", "PPM") or stream is None or image.mode == "I;16":
        return False
    if image.format == "PPM":
        arguments = image.tile[0][3]  # type: ignore[attr-defined]
        return image.mode == "RGB" and not isinstance(arguments, str) and bool(arguments[-1] > 255)
    position = stream.tell()
    stream.seek(0)
    head: bytes = stream.read(1 << 16)
    stream.seek(position)
    # AV1 codec configuration: a flag in its third byte. JPEG 2000: depth - 1 in the SIZ marker.
    if image.format == "AVIF":
        at = head.find(b"av1C")
        return at >= 0 and len(head) > at + 6 and bool(head[at + 6] & 0x40)
    at = head.find(b"\xff\x4f\xff\x51")
    return at >= 0 and len(head) > at + 42 and bool(head[at + 42] & 0x7F > 7)
