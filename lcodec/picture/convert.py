"""Conversion between Pillow images of any mode and pictures, with notes on what was lost."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from lcodec.errors import InputError
from lcodec.picture import jp2, tiffread
from lcodec.picture.carried import Carried
from lcodec.picture.deep import load_deep, raw_modes, samples_behind
from lcodec.picture.exif import EXIF_PREFIX, is_readable
from lcodec.picture.ifd import Reader
from lcodec.picture.metadata import NOTHING_GIVEN, Given, keep, of_info
from lcodec.picture.picture import Picture, Samples
from lcodec.picture.samples import scaled
from lcodec.picture.sources import carried_of, file_of, is_as_read, is_fresh, is_mapped
from lcodec.process.forks import Lock

_HINT = "give the path, or the image as it was opened"
_REDUCED = "16-bit samples reduced to 8 bits"
_DEEP_GRAY = ("I", "I;16", "I;16L", "I;16B", "I;16N")
_BITS_PER_SAMPLE = 258
_GRAY = ("1", "L", "LA", "La")

# EXIF orientation tag values 2..8 (EXIF 2.32, tag 0x0112): how to turn the picture upright.
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
# Images are not hashable, so a lock is chosen by the image's address.
_LOCKS = tuple(Lock() for _ in range(61))


def from_pil(
    image: Image.Image, given: Given = NOTHING_GIVEN, carried: Carried | None = None
) -> Picture:
    """Pixels, alpha and metadata of a Pillow image of any mode, upright.

    Bilevel and gray modes give gray, all others RGB; 16-bit files not loaded yet give 16 bits. CMYK
    becomes sRGB through the image's profile. Of several frames the current one is taken, as it is
    in memory if it was loaded. The image is not changed, but may be loaded. Metadata ``given``
    replaces the image's own, see `lcodec.picture.metadata.keep`; the rest is looked up unless
    ``carried`` has it.

    Raises:
        InputError: samples of an unknown range (floating point, 32-bit), a Lab picture, or an
            image that Pillow has loaded and misread.
        OSError and others: whatever Pillow raises while it decodes a damaged file.
    """
    with _LOCKS[id(image) % len(_LOCKS)]:
        found = carried_of(image) if carried is None else carried
        decoded = _pixels(image)
        if carried is None and image.format in ("PNG", "LIC"):
            late = of_info(image.info)  # metadata stored after the pixels
            found.exif, found.xmp = found.exif or late.exif, found.xmp or late.xmp
            found.icc = found.icc or late.icc
        return finished(decoded, found, given)


@dataclass
class Decoded:
    """Pixels as stored, not yet upright.

    Attributes:
        pixels: (H, W) or (H, W, 3).
        alpha: (H, W) or None.
        converted: whether the pixels are no longer in the colour space of the source.
        orientation: theirs, 1 to 8, if it is not the one that the source states.
    """

    pixels: Samples
    alpha: Samples | None
    notes: list[str]
    converted: bool = False
    orientation: int | None = None


def finished(decoded: Decoded, carried: Carried, given: Given = NOTHING_GIVEN) -> Picture:
    """The upright picture made of pixels and what their source carries."""
    pixels, alpha = decoded.pixels, decoded.alpha
    channels = 1 if pixels.ndim == 2 else 3
    kept = keep(carried, channels, converted=decoded.converted, given=given)
    orientation = decoded.orientation or kept.orientation
    if orientation in _UPRIGHT:
        turn = _UPRIGHT[orientation]
        pixels, alpha = turn(pixels), None if alpha is None else turn(alpha)
    return Picture(pixels, notes=(*decoded.notes, *kept.notes), alpha=alpha, metadata=kept.metadata)


def from_tiff(stream: BinaryIO, what: tiffread.Layout, page: int, icc: bytes | None) -> Decoded:
    """Pixels of a page that `lcodec.picture.tiffread` reads; ``icc`` is its profile."""
    found = tiffread.read(stream, what, page)
    if found.pixels.ndim == 3 and found.pixels.shape[2] == 4:
        notes = list(found.notes)
        inks = Image.frombytes("CMYK", (what.width, what.height), found.pixels.tobytes())
        return Decoded(np.array(_from_cmyk(inks, icc, notes)), found.alpha, notes, converted=True)
    return Decoded(found.pixels, found.alpha, found.notes)


def _pixels(image: Image.Image) -> Decoded:
    fresh = is_fresh(image)
    if image.format == "TIFF":
        decoded = _of_tiff(image, fresh)
        if decoded is not None:
            return decoded
    if image.format == "JPEG2000":
        decoded = _of_jp2(image, fresh)
        if decoded is not None:
            return decoded
    layouts = raw_modes(image) if fresh else set()
    reduced = any(";16" in layout and not layout.startswith("BGR") for layout in layouts)
    reduced = fresh and (reduced or _reduced_by_decoder(image))
    if image.format == "LIC":
        reduced = image.info.get("lcodec", {}).get("bit_depth") == 16  # but for mode I;16, below
    deep = load_deep(image)
    notes: list[str] = []
    if deep is not None:
        pixels, alpha = _split(deep)
    elif image.mode in _DEEP_GRAY:
        pixels, alpha = _deep_gray(image), None
    else:
        pixels, alpha = _split(_shallow(image, notes))
        notes += [_REDUCED] if reduced else []
    if alpha is None and image.mode in ("1", "L", "RGB", *_DEEP_GRAY):
        alpha = transparent_colour(image, pixels, layouts, notes)
    # Pillow has turned a TIFF picture upright that it has just loaded; one that was loaded before
    # states no other orientation any more, unless it was given one since.
    turned = 1 if fresh and image.format == "TIFF" else None
    return Decoded(pixels, alpha, notes, image.mode == "CMYK", turned)


def _of_tiff(image: Image.Image, fresh: bool) -> Decoded | None:
    """Pixels read from the file itself if Pillow would misread them, else None."""
    orientation = 1
    with file_of(image) as stream:
        try:
            if stream is None:
                what = tiffread.layout_of_tags(getattr(image, "tag_v2", {}))
            else:
                reader = Reader(stream)
                what = tiffread.layout(reader, image.tell())
                if not fresh:  # of pixels that Pillow has turned; else the metadata tell
                    orientation = tiffread.orientation(reader, image.tell())
        except (ValueError, InputError):
            if fresh:
                raise
            return None
        askew = orientation >= 5 and is_mapped(image)
        if not fresh and not askew and not tiffread.misread_by_pillow(what):
            return None
        if stream is None or not (fresh or is_as_read(image, stream)):
            raise InputError(
                f"Pillow misreads this kind of TIFF, and the image was edited since; {_HINT}"
            )
        # Pillow swaps the sides of a picture that is stored on one of them.
        if {what.width, what.height} != set(image.size) or tiffread.for_pillow(what):
            return None
        decoded = from_tiff(stream, what, image.tell(), image.info.get("icc_profile"))
        return decoded if fresh else replace(decoded, orientation=orientation)


def _of_jp2(image: Image.Image, fresh: bool) -> Decoded | None:
    """As `_of_tiff`."""
    with file_of(image) as stream:
        what = jp2.head(stream) if stream else None
        if stream is None or what is None or jp2.for_pillow(what):
            return None
        reduced = getattr(image, "_reduce", False)
        if reduced or not (fresh or is_as_read(image, stream)):
            raise InputError(f"Pillow misreads JPEG 2000 of {what.bits[0]} bits; {_HINT}")
        return Decoded(*jp2.read(stream, what), [])


def to_pil(picture: Picture) -> Image.Image:
    """A Pillow image of mode L, LA, RGB, RGBA or I;16, with the metadata in its ``info``.

    Pillow has no other 16-bit modes: colours and alpha are reduced to 8 bits.
    """
    pixels, alpha = picture.pixels, picture.alpha
    if pixels.dtype == np.uint16 and (pixels.ndim == 3 or alpha is not None):
        pixels, alpha = reduced_to_bytes(pixels), None if alpha is None else reduced_to_bytes(alpha)
    image = Image.fromarray(pixels)
    if image.readonly:  # it shares the memory of the pixels
        image = image.copy()
    if alpha is not None:
        image.putalpha(Image.fromarray(alpha))
    data = picture.metadata
    if data.icc:
        image.info["icc_profile"] = data.icc
    if data.exif and is_readable(data.exif):
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
    """Split samples (H, W) or (H, W, 2 to 4) into pixels and alpha."""
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
        return np.array(_from_cmyk(image, image.info.get("icc_profile"), notes))
    wanted = "L" if image.mode in _GRAY else "RGB"
    # For a single transparent colour without a palette see `transparent_colour`.
    if image.has_transparency_data and image.mode not in ("1", "L", "RGB"):
        wanted += "A"
    return np.array(image if image.mode == wanted else image.convert(wanted))


def _from_cmyk(image: Image.Image, icc: bytes | None, notes: list[str]) -> Image.Image:
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
    notes.append(f"CMYK with {kind} colour profile converted to RGB approximately")
    return image.convert("RGB")


def _deep_gray(image: Image.Image) -> NDArray[np.uint16]:
    samples = np.asarray(image)
    # 12-bit TIFF samples come unscaled.
    bits, *_ = getattr(image, "tag_v2", {}).get(_BITS_PER_SAMPLE, (16,))
    full = 4095 if bits == 12 else 65535
    if bits > 16 or samples.min() < 0 or samples.max() > full:
        raise InputError("gray samples of more than 16 bits, or negative ones: not supported")
    return scaled(samples.astype(np.uint16), full)


def transparent_colour(
    image: Image.Image, pixels: Samples, layouts: Collection[str], notes: list[str]
) -> Samples | None:
    """Alpha of a picture with one transparent colour, which is given in the samples of its file.

    ``layouts`` are those of the samples (see `raw_modes`), empty if no longer known.
    """
    colour = image.info.get("transparency")
    if not isinstance(colour, int if pixels.ndim == 2 else tuple):
        return None
    full = int(np.iinfo(pixels.dtype).max)
    key = np.atleast_1d(np.asarray(colour, np.int64))
    if key.size not in (1, 3) or (image.format == "GIF" and image.mode != "L"):
        return None
    if pixels.dtype == np.uint8 and key.max() > 255:
        whole = samples_behind(image, pixels)
        if whole is not None:
            return np.where((whole == key).all(axis=2), 0, full).astype(np.uint8)
        key >>= 8  # Pillow kept only the high bytes of the pixels
        notes.append("16-bit transparent colour matched by its high 8 bits")
    elif image.format == "PNG" and pixels.ndim == 2 and pixels.dtype == np.uint8:
        key = np.minimum(key * _step(pixels, int(key[0]), layouts), 255)
    same = pixels == key if pixels.ndim == 2 else (pixels == key).all(axis=2)
    return np.where(same, 0, full).astype(pixels.dtype)


def _step(gray: Samples, key: int, layouts: Collection[str]) -> int:
    """The step of 255 levels that one level of a PNG's gray samples of 1 to 8 bits became."""
    if layouts:
        return {"1": 255, "L;2": 85, "L;4": 17}.get(next(iter(layouts)), 1)
    for step in (255, 85, 17):
        # No pixel has this value, and all levels are ones that fewer bits would give.
        if key <= 255 // step and not (gray == key).any() and not (gray % step).any():
            return step
    return 1


def _reduced_by_decoder(image: Image.Image) -> bool:
    """Whether a file has colours of more than 8 bits that its decoder reduces to 8."""
    stream = cast(Any, getattr(image, "fp", None))
    if image.format not in ("AVIF", "PPM") or stream is None or image.mode == "I;16":
        return False
    if image.format == "PPM":
        arguments = image.tile[0][3]  # type: ignore[attr-defined]
        return image.mode == "RGB" and not isinstance(arguments, str) and bool(arguments[-1] > 255)
    position = stream.tell()
    stream.seek(0)
    head: bytes = stream.read(1 << 16)
    stream.seek(position)
    # AV1 codec configuration: a flag in its third byte.
    at = head.find(b"av1C")
    return at >= 0 and len(head) > at + 6 and bool(head[at + 6] & 0x40)
