"""Pillow plugin: ``Image.open("a.lic")`` and ``image.save("a.lic", quality=60)``.

Importing this module registers it, and so does calling `lcodec.register_pillow`.

Opening reads only the head of a file: size, mode and ``info`` need neither torch nor weights. The
pixels are decoded when they are first needed; after `Image.draft`, and for `Image.thumbnail`,
which calls it, as a preview at 1/2 to 1/16 of the size. ``info`` has ``icc_profile``, ``exif`` and
``xmp`` as Pillow's own plugins give them, and under ``lcodec`` the fields of the header by name.

Options of ``save``, all optional:
    quality, effort, target, tune, model, device: as for `lcodec.encode`.
    icc_profile, exif, xmp: replace what the image carries (in its ``info``), which is kept if
        they are not given; None or empty bytes leave it out. ``exif`` may be a
        `PIL.Image.Exif`. Its orientation, like that of an image, is applied to the pixels.
    strip: leave out what the image carries, but not what is given.
"""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any, Final

from PIL import Image, ImageFile, UnidentifiedImageError

from lcodec import container
from lcodec.container import EXIF, ICC, MAX_SIDE, XMP, Alpha, Header
from lcodec.errors import InputError, LcodecError, UnsupportedError, UsageError
from lcodec.format import MIME_TYPE
from lcodec.kinds import HEAD_SIZE
from lcodec.limits import DecoderLimits
from lcodec.region import SCALES
from lcodec.suffixes import LIC

if TYPE_CHECKING:
    from lcodec.picture import Picture

FORMAT: Final = "LIC"

# Pillow has its own limit of pixels, Image.MAX_IMAGE_PIXELS. This bounds what a pixel may cost.
_LIMITS: Final = DecoderLimits.for_pixels(MAX_SIDE**2)
_KEYS = {ICC: "icc_profile", EXIF: "exif", XMP: "xmp"}
_ENCODER_OPTIONS = ("quality", "effort", "target", "tune", "model", "device")


class LicImageFile(ImageFile.ImageFile):
    """A ``.lic`` file; mode L, LA, RGB, RGBA or I;16, other 16-bit pictures reduced to 8 bits."""

    format = FORMAT
    format_description = "lcodec learned image"

    def _open(self) -> None:
        assert self.fp is not None
        if not container.is_lic(self.fp.read(HEAD_SIZE)):
            raise SyntaxError("not a .lic file")
        self.fp.seek(0)
        try:
            head = container.read_head(self.fp, limits=_LIMITS)
            payloads = container.payloads(head.extra)
        except (UnsupportedError, InputError) as error:
            raise OSError(f"cannot open .lic file: {error}") from error
        except LcodecError as error:
            # Not a SyntaxError, which Pillow would replace by one without the reason: nobody else
            # knows files with this signature.
            raise UnidentifiedImageError(f"cannot identify .lic file: {error}") from error
        self._size = self._whole = head.header.width, head.header.height
        self._scale = 1
        self._mode = _mode(head.header)
        for code, payload in payloads.items():
            if code in _KEYS:
                if code == EXIF:
                    from lcodec.picture.exif import EXIF_PREFIX, bare, is_readable

                    payload = bare(payload)
                    if not is_readable(payload):
                        continue  # crafted to use much memory when parsed
                    payload = EXIF_PREFIX + payload
                self.info[_KEYS[code]] = payload
        self._in_head = frozenset(self.info)
        self.info["lcodec"] = dict(container.header_info(head.header))

    def draft(
        self, mode: str | None, size: tuple[int, int] | None
    ) -> tuple[str, tuple[int, int, float, float]] | None:
        """Load a quick preview instead: the smallest that is not below ``size``, down to 1/16.

        `Image.thumbnail` calls this. The mode does not change.
        """
        if self._im is not None or size is None:
            return None
        width, height = self._whole
        scales = [s for s in SCALES if -(-width // s) >= size[0] and -(-height // s) >= size[1]]
        self._scale = max(scales, default=1)
        self._size = -(-width // self._scale), -(-height // self._scale)
        return self.mode, (0, 0, width / self._scale, height / self._scale)

    def load(self) -> Any:  # Pillow's type for access to pixels is not public
        """Decode the pixels unless that has been done.

        Raises:
            OSError: truncated or damaged, or the weights are missing; `LcodecError` as its cause.
        """
        if self._im is None:
            image = self._decode()
            self.im = image.im
            self.readonly = 0
            # Metadata may also come after the tiles.
            found = {k: v for k, v in image.info.items() if k not in self._in_head}
            self.info.update(found)
            if self.fp is not None and self._exclusive_fp:
                self.fp.close()
            self.fp = None
        return super().load()

    def verify(self) -> None:
        """Check all checksums of the file without decoding it, then close it.

        Raises:
            SyntaxError: truncated or damaged.
        """
        if self.fp is None:
            raise RuntimeError("verify must be called directly after open")
        try:
            container.describe(self._content(self.fp), limits=_LIMITS)
        except LcodecError as error:
            raise SyntaxError(f"broken .lic file: {error}") from error
        finally:
            super().verify()

    def _decode(self) -> Image.Image:
        from lcodec.library.shared import decode  # brings in torch

        if self.fp is None:
            raise ValueError("Operation on closed image")
        try:
            decoded = decode(self._content(self.fp), scale=self._scale, limits=_LIMITS)
        except LcodecError as error:
            raise OSError(f"cannot load .lic file: {error}") from error
        image = decoded.to_image()
        if (image.mode, image.size) != (self.mode, self.size):
            raise OSError("cannot load .lic file: it is no longer the one that was opened")
        return image

    @staticmethod
    def _content(stream: IO[bytes]) -> bytearray:
        stream.seek(0)
        return container.load(stream, _LIMITS)


def _mode(header: Header) -> str:
    """The mode of the image that `lcodec.Decoded.to_image` returns."""
    alpha = header.alpha is not Alpha.NONE
    if header.channels == 3:
        return "RGBA" if alpha else "RGB"
    if alpha:
        return "LA"
    return "L" if header.bit_depth == 8 else "I;16"


def _save(image: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    """Write an image with the options in its ``encoderinfo``; nothing is written if that fails.

    Raises:
        ValueError, TypeError: bad options.
        OSError: the image cannot be converted, a target cannot be met, or weights are missing.
    """
    from lcodec.library.shared import encode  # brings in torch

    options: dict[str, Any] = image.encoderinfo
    chosen = {name: options[name] for name in _ENCODER_OPTIONS if options.get(name) is not None}
    try:
        data = encode(_picture(image, options), **chosen)
    except UsageError as error:
        raise ValueError(str(error)) from error
    except InputError as error:
        raise OSError(f"cannot write mode {image.mode} as {FORMAT}: {error}") from error
    except LcodecError as error:
        raise OSError(f"cannot write as {FORMAT}: {error}") from error
    stream.write(data)


def _picture(image: Image.Image, options: dict[str, Any]) -> Picture:
    from lcodec.picture import Metadata, from_pil

    given = _given(options)
    picture = from_pil(image, given)
    if not options.get("strip"):
        return picture
    own = picture.metadata
    kept = Metadata(
        own.icc if "icc_profile" in given else None,
        own.exif if "exif" in given else None,
        own.xmp if "xmp" in given else None,
    )
    return replace(picture, metadata=kept)


def _given(options: dict[str, Any]) -> dict[str, bytes | None]:
    """The metadata among the options, as bytes."""
    from lcodec.picture.exif import bare, from_pillow, is_readable

    given: dict[str, bytes | None] = {}
    for name in _KEYS.values():
        if name not in options:
            continue
        value = options[name]
        if name == "exif" and isinstance(value, Image.Exif):
            value = from_pillow(value)
        if name == "xmp" and isinstance(value, str):
            value = value.encode("utf-8")
        if value is not None and not isinstance(value, bytes):
            raise TypeError(f"{name} must be bytes, not {type(value).__name__}")
        given[name] = value
    if given.get("exif") and not is_readable(bare(given["exif"] or b"")):
        raise ValueError("exif is not EXIF data")
    return given


def register() -> None:
    """Let Pillow open and save ``.lic`` files; calling it again changes nothing."""
    Image.register_open(FORMAT, LicImageFile, container.is_lic)
    Image.register_save(FORMAT, _save)
    Image.register_extension(FORMAT, LIC)
    Image.register_mime(FORMAT, MIME_TYPE)


register()
