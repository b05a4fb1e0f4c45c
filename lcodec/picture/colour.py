"""ICC profiles for colour spaces that files state as numbers: PNG's gAMA, cHRM and cICP, and nclx.

A profile is made only if it is exact up to rounding: primaries, a white point, and one parametric
curve (ICC.1:2022). PQ, HLG and the rarer curves have none.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Curve: TypeAlias = tuple[float, ...]
"""Gamma alone, or g, a, b, c, d: (ax + b)^g from d on, cx below."""

Chromaticities: TypeAlias = tuple[float, ...]
"""x and y of white, red, green and blue."""

_D65, _C, _DCI = (0.3127, 0.3290), (0.310, 0.316), (0.314, 0.351)
_709: Chromaticities = (*_D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
_SRGB_CURVE: Curve = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
_D50 = np.array([0.9642, 1.0, 0.8249])
_BRADFORD = np.array(
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
)
_P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060)
_SMPTE = (0.630, 0.340, 0.310, 0.595, 0.155, 0.070)

# ITU-T H.273, tables 2 and 3, by their code points; 2 is "unspecified".
_PRIMARIES: dict[int, Chromaticities] = {
    1: _709,
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*_D65, *_SMPTE),
    7: (*_D65, *_SMPTE),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046),
    11: (*_DCI, *_P3),
    12: (*_D65, *_P3),
    22: (*_D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
_A, _B = 1.09929682680944, 0.018053968510807
_VIDEO: Curve = (1 / 0.45, 1 / _A, (_A - 1) / _A, 1 / 4.5, 4.5 * _B)
_CURVES: dict[int, Curve] = {
    **dict.fromkeys((1, 6, 14, 15), _VIDEO),
    4: (2.2,),
    5: (2.8,),
    7: (1 / 0.45, 1 / 1.1115, 0.1115 / 1.1115, 1 / 4.0, 4.0 * 0.0228),
    8: (1.0,),
    13: _SRGB_CURVE,
}
_NAMES = {9: "logarithmic", 10: "logarithmic", 16: "PQ", 17: "SMPTE 428", 18: "HLG"}


@dataclass(frozen=True)
class Space:
    """The colour space that a file states.

    Attributes:
        icc: an equivalent profile; None if the colours are sRGB, or if there is none.
        lost: description of what no profile can express, or None.
    """

    icc: bytes | None = None
    lost: str | None = None


def of_code_points(
    primaries: int, transfer: int, gray: bool, *, full_range: bool = True, matrix: int = 0
) -> Space:
    """The space of code points (H.273), as in cICP and nclx.

    Rec. 709 curves with sRGB primaries count as sRGB, as in picture viewers.
    """
    words = f"colour space {primaries}/{transfer} (H.273)"
    if not full_range or matrix:
        return Space(lost=f"{words} in another range or matrix")
    curve = _SRGB_CURVE if transfer == 2 else _CURVES.get(transfer)
    points = _709 if primaries == 2 else _PRIMARIES.get(primaries)
    if curve is None or points is None:
        name = _NAMES.get(transfer)
        return Space(lost=f"{words}, {name}" if name else words)
    if points == _709 and curve in (_SRGB_CURVE, _VIDEO):
        return Space()
    return Space(profile(points, curve, gray, f"H.273 {primaries}/{transfer}"))


def of_figures(gamma: int | None, points: tuple[int, ...] | None, gray: bool) -> Space:
    """The space of gAMA and cHRM, in their units of 1/100000; None if there is no such chunk."""
    curve: Curve = _SRGB_CURVE
    plain = gamma is None or abs(gamma - 45455) <= 500
    chromaticities = _709 if points is None else tuple(value / 100000 for value in points)
    standard = max(abs(a - b) for a, b in zip(chromaticities, _709, strict=True)) <= 0.002
    if plain and standard:
        return Space()
    if gamma is not None:
        if not 1000 <= gamma <= 10_000_000:
            return Space(lost="gAMA")
        curve = (100000 / gamma,)
    icc = profile(_709 if standard else chromaticities, curve, gray, "PNG gAMA and cHRM")
    return Space(icc) if icc else Space(lost="gAMA, cHRM")


def is_srgb(points: tuple[float, ...]) -> bool:
    """Whether chromaticities are those of sRGB."""
    return max(abs(a - b) for a, b in zip(points, _709, strict=True)) <= 0.002


def profile(points: Chromaticities, curve: Curve, gray: bool, name: str) -> bytes | None:
    """A version 4 ICC profile; None if the chromaticities do not define a colour space."""
    try:
        matrix, adaptation = _matrices(points)
    except (np.linalg.LinAlgError, ZeroDivisionError):
        return None
    if not np.isfinite(matrix).all() or abs(matrix).max() > 100 or np.linalg.det(matrix) <= 0:
        return None
    trc = _curve(curve)
    tags = {b"desc": _text(name), b"cprt": _text("No rights reserved."), b"wtpt": _xyz(_D50)}
    tags[b"chad"] = b"sf32\0\0\0\0" + _fixed(adaptation)
    if gray:
        tags[b"kTRC"] = trc
    else:
        for column, letter in enumerate((b"r", b"g", b"b")):
            tags[letter + b"XYZ"] = _xyz(matrix[:, column])
            tags[letter + b"TRC"] = trc
    return _assembled(tags, b"GRAY" if gray else b"RGB ")


def _matrices(points: Chromaticities) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """RGB to XYZ under D50, and the adaptation to it from the white point (Bradford)."""
    xyz = [
        np.array([x / y, 1.0, (1 - x - y) / y])
        for x, y in zip(points[0::2], points[1::2], strict=True)
    ]
    white, columns = xyz[0], np.stack(xyz[1:], axis=1)
    to_xyz = columns * np.linalg.solve(columns, white)
    cone = (_BRADFORD @ _D50) / (_BRADFORD @ white)
    adaptation = np.linalg.inv(_BRADFORD) @ np.diag(cone) @ _BRADFORD
    return adaptation @ to_xyz, adaptation


def _assembled(tags: dict[bytes, bytes], space: bytes) -> bytes:
    """A profile made of tags; equal ones are stored once (ICC.1:2022, section 7)."""
    offset, index, body = 132 + 12 * len(tags), b"", b""
    places: dict[bytes, int] = {}
    for kind, data in tags.items():
        if data not in places:
            places[data] = offset + len(body)
            body += data + bytes(-len(data) % 4)
        index += kind + struct.pack(">II", places[data], len(data))
    head = bytearray(128)
    head[0:4] = struct.pack(">I", offset + len(body))
    head[8:24] = b"\x04\x40\0\0mntr" + space + b"XYZ "
    head[24:36] = struct.pack(">6H", 2024, 1, 1, 0, 0, 0)
    head[36:40] = b"acsp"
    head[68:80] = _fixed(_D50)
    return bytes(head) + struct.pack(">I", len(tags)) + index + body


def _curve(curve: Curve) -> bytes:
    kind = 0 if len(curve) == 1 else 3
    return b"para\0\0\0\0" + struct.pack(">HH", kind, 0) + _fixed(np.array(curve))


def _xyz(value: NDArray[np.float64]) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(value)


def _fixed(values: NDArray[np.float64]) -> bytes:
    return np.rint(values.ravel() * 65536).astype(">i4").tobytes()


def _text(text: str) -> bytes:
    data = text.encode("utf-16-be")
    return b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(data), 28) + data
