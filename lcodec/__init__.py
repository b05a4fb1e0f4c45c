"""lcodec: a learned image codec.

    data = lcodec.encode(image, quality=50)      # Pillow image or array -> bytes of a .lic file
    picture = lcodec.decode(data).picture        # -> pixels, alpha, metadata
    summary = lcodec.inspect(data)               # header and sizes, without weights
    lcodec.register_pillow()                     # Image.open("a.lic"), image.save("a.lic")

Importing this package imports nothing heavy: every name is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lcodec.container import Description, Header
    from lcodec.errors import (
        FormatError,
        InputError,
        LcodecError,
        MismatchError,
        OutputError,
        TargetError,
        UnsupportedError,
        UsageError,
        WeightsError,
    )
    from lcodec.library.codec import Codec
    from lcodec.library.compare import compare
    from lcodec.library.decoded import Decoded
    from lcodec.library.licforms import inspect
    from lcodec.library.reader import Reader
    from lcodec.library.salvage import Salvaged, salvage
    from lcodec.library.shared import decode, encode
    from lcodec.limits import DecoderLimits
    from lcodec.metrics.compare import Figures
    from lcodec.picture import Metadata, Picture
    from lcodec.pillow import register as register_pillow
    from lcodec.pipeline.encoder import Encoded
    from lcodec.pipeline.targets import Target
    from lcodec.region import Region

__version__ = "0.10.0"

__all__ = [
    "Codec",
    "Decoded",
    "DecoderLimits",
    "Description",
    "Encoded",
    "Figures",
    "FormatError",
    "Header",
    "InputError",
    "LcodecError",
    "Metadata",
    "MismatchError",
    "OutputError",
    "Picture",
    "Reader",
    "Region",
    "Salvaged",
    "Target",
    "TargetError",
    "UnsupportedError",
    "UsageError",
    "WeightsError",
    "__version__",
    "compare",
    "decode",
    "encode",
    "inspect",
    "register_pillow",
    "salvage",
]

_CODEC = "lcodec.library.codec"
_CONTAINER = "lcodec.container"
_ENCODER = "lcodec.pipeline.encoder"
_ERRORS = "lcodec.errors"
_PICTURE = "lcodec.picture"
_SHARED = "lcodec.library.shared"

# Public name -> (module, name there).
_HOMES = {
    "Codec": (_CODEC, "Codec"),
    "Decoded": ("lcodec.library.decoded", "Decoded"),
    "Encoded": (_ENCODER, "Encoded"),
    "DecoderLimits": ("lcodec.limits", "DecoderLimits"),
    "compare": ("lcodec.library.compare", "compare"),
    "Figures": ("lcodec.metrics.compare", "Figures"),
    "decode": (_SHARED, "decode"),
    "encode": (_SHARED, "encode"),
    "Description": (_CONTAINER, "Description"),
    "Header": (_CONTAINER, "Header"),
    "inspect": ("lcodec.library.licforms", "inspect"),
    "Metadata": (_PICTURE, "Metadata"),
    "Picture": (_PICTURE, "Picture"),
    "FormatError": (_ERRORS, "FormatError"),
    "InputError": (_ERRORS, "InputError"),
    "LcodecError": (_ERRORS, "LcodecError"),
    "MismatchError": (_ERRORS, "MismatchError"),
    "OutputError": (_ERRORS, "OutputError"),
    "Reader": ("lcodec.library.reader", "Reader"),
    "Region": ("lcodec.region", "Region"),
    "Salvaged": ("lcodec.library.salvage", "Salvaged"),
    "salvage": ("lcodec.library.salvage", "salvage"),
    "Target": ("lcodec.pipeline.targets", "Target"),
    "TargetError": (_ERRORS, "TargetError"),
    "UnsupportedError": (_ERRORS, "UnsupportedError"),
    "UsageError": (_ERRORS, "UsageError"),
    "register_pillow": ("lcodec.pillow", "register"),
    "WeightsError": (_ERRORS, "WeightsError"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
