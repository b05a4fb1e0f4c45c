"""Sizes, shares and rates in readable form."""

from __future__ import annotations

from lcodec.plurals import counted

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "KB"))


def size(count: int) -> str:
    """A number of bytes to three digits: "812 bytes", "49.5 KB" (of 1000 bytes)."""
    for unit, name in _UNITS:
        if count >= 0.9995 * unit:
            return f"{digits(count / unit)} {name}"
    return counted(count, "byte")


def exact(count: int) -> str:
    """An exact number of bytes, with grouped digits: "12,345 bytes"."""
    return counted(count, "byte")


def digits(value: float) -> str:
    """A number to three digits, or to all those before the point: "9.87", "49.5", "788"."""
    for places, limit in ((2, 9.995), (1, 99.95)):
        if value < limit:
            return f"{value:.{places}f}"
    return f"{value:,.0f}"


def share(part: int, whole: int) -> str:
    """A part of a whole in percent: "6.3 %"; "-" if the whole is empty."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return f"{percent:.1f} %" if percent < 99.95 else f"{percent:,.0f} %"


def rate(count: int, pixels: int) -> str:
    """Bits per pixel: "0.81 bpp", with one more digit at low rates."""
    bpp = 8 * count / pixels
    return f"{bpp:.2f} bpp" if bpp >= 0.0995 else f"{bpp:.3f} bpp"


def seconds(spent: float) -> str:
    """How long something took: "0.4 s", "75 s"."""
    return f"{spent:.1f} s" if spent < 99.95 else f"{spent:,.0f} s"


def journey(source: str, before: int | None, output: str, after: int | None) -> str:
    """Source and output of a file: "a.png 788 KB -> a.lic 49.5 KB"; streams have no size."""
    start = source if before is None else f"{source} {size(before)}"
    return f"{start} -> {output}" if after is None else f"{start} -> {output} {size(after)}"
