"""Encode and decode with codecs that stay loaded: what `lcodec.encode` and `lcodec.decode` are."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lcodec.library.codec import Codec
from lcodec.library.decoded import Decoded
from lcodec.library.forms import AnyPicture, as_file
from lcodec.library.licforms import AnyFile
from lcodec.limits import DecoderLimits, given
from lcodec.pipeline.targets import Target
from lcodec.process.failures import own_errors
from lcodec.process.forks import Lock
from lcodec.region import check_scale
from lcodec.weights import chosen_model, find_model_by_id

if TYPE_CHECKING:
    from lcodec.library.reader import AnyRegion

_kept_codecs = lru_cache(maxsize=2)(Codec)
_keeping = Lock()


def shared_codec(model: str | None = None, device: str = "auto", tune: str | None = None) -> Codec:
    """A codec that stays loaded for later calls from all threads."""
    model = chosen_model(model, tune)
    # Without the lock, threads that call while a model is loading would each load it.
    with _keeping:
        return _kept_codecs(model, device)


def forget_codecs() -> None:
    """Drop the codecs that `shared_codec` keeps."""
    with _keeping:
        _kept_codecs.cache_clear()


def encode(
    image: AnyPicture,
    quality: int | None = None,
    *,
    target: Target | None = None,
    effort: int = 0,
    strip: bool = False,
    tune: str | None = None,
    model: str | None = None,
    device: str = "auto",
) -> bytes:
    """Encode a picture (a path, a binary file, a Pillow image or an array) to a ``.lic`` file.

    With ``tune`` "visual", the default, a file looks as good as it can for its size, and quality N
    aims at SSIMULACRA2 N; with "psnr" its squared error is small. A ``model`` replaces that of the
    tune, and must be of the tune if both are given. The model is loaded at the first call and stays
    loaded; threads share it. See `Codec.encode_detailed` for the other options.

    Raises:
        UsageError, InputError, TargetError: see `Codec.encode_detailed`; tune and model disagree.
        WeightsError: the model is missing or damaged.
    """
    codec = shared_codec(model, device, tune)
    return codec.encode(image, quality, target=target, effort=effort, strip=strip)


def decode(
    data: AnyFile,
    *,
    region: AnyRegion | None = None,
    scale: int = 1,
    device: str = "auto",
    max_pixels: int | None = None,
    limits: DecoderLimits | None = None,
) -> Decoded:
    """Decode a ``.lic`` file (bytes, a path or a binary file) with the released model it names.

    The model then stays loaded. For a ``region`` (left, top, width, height in pixels), or a
    ``scale`` of 2, 4, 8 or 16 for 1/2 to 1/16, only what is needed is read and computed; see
    `lcodec.Reader` for repeated calls. For ``max_pixels`` and ``limits`` see `Codec.decode`; they
    then apply to the part that is decoded.

    Raises:
        UsageError: a region that is not inside the picture, or another scale.
        FormatError, UnsupportedError, MismatchError, InputError: see `Codec.decode`.
        WeightsError: no model here has the file's model id.
    """
    bounds, scale = given(max_pixels, limits), check_scale(scale)
    if region is not None or scale != 1:
        from lcodec.library.reader import Reader  # which needs this module

        with Reader(data, device=device, limits=bounds, kept=0) as reader:
            return reader.read(region, scale)
    with own_errors("reading"):
        file = as_file(data, bounds)
    return shared_codec(find_model_by_id(file.header.model_id).name, device).decode(file)
