"""Fonts that come with Python packages, by look."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import ImageFont

from lcodec.errors import UsageError

Look = Literal["sans", "mono", "serif"]

_PLACES = {
    # Package: its folder of fonts.
    "matplotlib": "mpl-data/fonts/ttf",
    "font_hanken_grotesk": "files",
    "font_manrope": "files",
    "font_roboto": "files",
    "font_source_sans_pro": "files",
}
_LOOKS: dict[Look, tuple[str, ...]] = {
    "mono": ("mono", "cmtt"),
    "serif": ("serif", "stixgeneral", "cmr10"),
    "sans": ("dejavusans", "hanken", "manrope", "roboto", "sourcesans", "cmss"),
}
_LEFT_OUT = ("display", "oblique", "italic", "ital", "thin", "light", "black", "stixnonuni")


class Face(NamedTuple):
    """A font file and whether it is bold."""

    path: Path
    bold: bool


@lru_cache(maxsize=1)
def faces() -> dict[Look, tuple[Face, ...]]:
    """The faces found, by look; at least one regular face each.

    Raises:
        UsageError: a look has none.
    """
    found: dict[Look, list[Face]] = {look: [] for look in _LOOKS}
    for package, place in _PLACES.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            continue
        for path in sorted((Path(spec.origin).parent / place).glob("*.[to]tf")):
            name = path.stem.lower().replace("-", "").replace("_", "")
            look = next((k for k, parts in _LOOKS.items() if any(p in name for p in parts)), None)
            if look is not None and not any(part in name for part in _LEFT_OUT):
                found[look].append(Face(path, "bold" in name or name.endswith("bol")))
    if not all(any(not face.bold for face in group) for group in found.values()):
        raise UsageError("drawing screens needs fonts: pip install 'lcodec[bench]'")
    return {look: tuple(group) for look, group in found.items()}


@lru_cache(maxsize=256)
def load(path: Path, size: int) -> ImageFont.FreeTypeFont:
    """The font at ``size`` pixels per em."""
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
