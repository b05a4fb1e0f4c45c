"""``.lic`` files in WebDataset pipelines: ``WebDataset(urls).decode(lcodec.webdataset.decoder())``.

Neither this module nor its handler imports webdataset, which calls the handler with the extension
of each member and its bytes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from lcodec.container import DEFAULT_MAX_PIXELS
from lcodec.errors import UsageError
from lcodec.suffixes import LIC

_FORM = re.compile(r"(torch|pil)?(l|rgb|rgba)?(8)?")
_MODES = ("l", "rgb", "rgba")
_FORMS = {"pil", *(f"pil{mode}" for mode in _MODES)} | {
    f"{kind}{mode}{depth}" for kind in ("", "torch") for mode in _MODES for depth in ("", "8")
}


def decoder(
    form: str = "pil", *, device: str = "cpu", max_pixels: int = DEFAULT_MAX_PIXELS
) -> Decoder:
    """A handler that decodes ``.lic`` members, in the forms of webdataset's own image handler.

    | form | gives |
    |---|---|
    | ``pil`` | a Pillow image of the picture's own mode |
    | ``pill``, ``pilrgb``, ``pilrgba`` | a Pillow image of that mode |
    | ``l8``, ``rgb8``, ``rgba8`` | an array (H, W) or (H, W, n) of uint8 |
    | ``l``, ``rgb``, ``rgba`` | the same, of float32 from 0 to 1 |
    | ``torchl8``, ``torchrgb8``, ``torchrgba8`` | a tensor (n, H, W) of uint8 |
    | ``torchl``, ``torchrgb``, ``torchrgba`` | the same, of float32 from 0 to 1 |
    | ``decoded`` | a `lcodec.Decoded`: all there is, 16 bits included |

    All but the last reduce 16-bit colours to 8 bits. The ``device`` is the CPU by default:
    processes that a data loader forks cannot use a GPU that their parent uses.

    Raises:
        UsageError: another form.
    """
    if form != "decoded" and form not in _FORMS:
        raise UsageError(f"unknown form `{form}`; those of webdataset are known, and `decoded`")
    return Decoder(form, device, max_pixels)


@dataclass(frozen=True)
class Decoder:
    """The handler that `decoder` makes; it can be pickled, for loaders that spawn their workers."""

    form: str
    device: str
    max_pixels: int

    def __call__(self, key: str, data: bytes) -> Any:
        """Decode a member; None if its key is not that of a ``.lic`` file, such as ".mask.lic".

        Raises:
            LcodecError: it cannot be decoded, see `lcodec.decode`.
        """
        if not key.lower().endswith(LIC):
            return None
        import numpy as np
        from PIL import Image

        from lcodec.library.shared import decode  # brings in torch
        from lcodec.picture.convert import reduced_to_bytes

        decoded = decode(data, device=self.device, max_pixels=self.max_pixels)
        if self.form == "decoded":
            return decoded
        image = decoded.to_image()
        match = _FORM.fullmatch(self.form)
        assert match is not None
        kind, mode, whole = match.groups()
        if mode is not None and image.mode != mode.upper():
            if image.mode == "I;16":  # Pillow would clip instead of scaling
                image = Image.fromarray(reduced_to_bytes(np.asarray(image)))
            image = image.convert(mode.upper())
        if kind == "pil":
            return image
        return _array(image, whole=bool(whole), torch=kind == "torch")


def _array(image: Any, *, whole: bool, torch: bool) -> Any:
    import numpy as np

    values = np.array(image)
    if not whole:
        values = values.astype(np.float32) / 255
    if not torch:
        return values
    from torch import from_numpy

    planes = values[None] if values.ndim == 2 else np.ascontiguousarray(values.transpose(2, 0, 1))
    return from_numpy(planes)
