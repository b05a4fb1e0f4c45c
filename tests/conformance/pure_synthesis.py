"""The synthesis in plain NumPy, float64, written from docs/FORMAT.md alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from tests.conformance.pure_container import File, Ints, alpha_plane
from tests.conformance.pure_layer import unpacked_layer

Array = NDArray[np.float64]


class PureSynthesis:
    """The transforms of the model in a folder, or of the ``earlier`` release that it keeps."""

    def __init__(self, folder: Path, earlier: str | None = None) -> None:
        own = json.loads((folder / "config.json").read_text())
        folder = folder.parent / own["transforms"]
        self.config: dict[str, Any] = json.loads((folder / "config.json").read_text())
        if earlier is not None:
            self.config["scale"] = own["earlier"][earlier]["scale"]
        self.sizes = self.config["transforms"]
        self.tensors = {
            name: value.astype(np.float64)
            for name, value in load_file(folder / "transforms.safetensors").items()
        }

    def table(self, name: str, quality: int) -> Array:
        """A vector (C,) at the quality of a file."""
        values = self.tensors[f"{name}.values"]
        scale = self.config.get("scale")
        place = (quality if scale is None else scale[quality]) * (len(values) - 1) / 100
        lower = min(int(place), len(values) - 2)
        row: Array = values[lower] + (place - lower) * (values[lower + 1] - values[lower])
        return row

    def conv(self, name: str, x: Array) -> Array:
        """A conv 1x1 of (C, h, w)."""
        out: Array = np.einsum("mn,nhw->mhw", self.tensors[f"{name}.weight"][:, :, 0, 0], x)
        bias = self.tensors.get(f"{name}.bias")
        return out if bias is None else out + bias[:, None, None]

    def block(self, name: str, x: Array) -> Array:
        """A block of the network."""
        inner = hardswish(self.conv(f"{name}.expand", x))
        padded = np.pad(inner, ((0, 0), (1, 1), (1, 1)))
        weight = self.tensors[f"{name}.spatial.weight"]
        spread = np.zeros_like(inner) + self.tensors[f"{name}.spatial.bias"][:, None, None]
        for i in range(3):
            for j in range(3):
                part = padded[:, i : i + inner.shape[1], j : j + inner.shape[2]]
                spread += weight[:, 0, i, j, None, None] * part
        t = x + self.conv(f"{name}.project", spread)
        return t + self.conv(f"{name}.down", hardswish(self.conv(f"{name}.up", t)))

    def decode(self, y: NDArray[np.int16], quality: int, height: int, width: int) -> Array:
        """Samples (height, width, 3) from 0 to 1, not rounded, of symbols (M, h, w)."""
        gain = self.table("gains.log_correction", quality) - self.table("gains.log_gain", quality)
        v = y.astype(np.float64) * np.exp(gain)[:, None, None]
        h = self.conv("synthesis.enter", v / self.tensors["gains.deviation"][:, None, None])
        h = h * self.table("synthesis.modulation.scale", quality)[:, None, None]
        h = h + self.table("synthesis.modulation.shift", quality)[:, None, None]
        for number in range(self.sizes["synthesis16"]):
            h = self.block(f"synthesis.blocks16.{number}", h)
        h = shuffle(self.conv("synthesis.expand", h), 2)
        for number in range(self.sizes["synthesis8"]):
            h = self.block(f"synthesis.blocks8.{number}", h)
        x = shuffle(self.conv("synthesis.linear", v), 16) + 0.5
        network = shuffle(self.conv("synthesis.leave", h), 8)
        if self.sizes.get("synthesis4"):
            h = shuffle(self.conv("synthesis.fine.expand", h), 2)
            for number in range(self.sizes["synthesis4"]):
                h = self.block(f"synthesis.fine.blocks4.{number}", h)
            network = network + shuffle(self.conv("synthesis.fine.leave", h), 4)
        x = x + 0.25 * network
        if self.sizes.get("deblocking"):
            limits = self.table("synthesis.deblocking.log_limits", quality)
            step, slope = np.exp(limits) / 255
            x = across(x, step, slope)
            x = across(x.transpose(0, 2, 1), step, slope).transpose(0, 2, 1)
        shown: Array = x.transpose(1, 2, 0)[:height, :width]
        return shown

    def show(self, file: File, y: NDArray[np.int16]) -> tuple[Ints, Ints | None]:
        """Levels (height, width, 3) or (height, width), and alpha if there is any, of a file.

        Raises ValueError if a layer or alpha is damaged.
        """
        levels = rounded(self.decode(y, file.quality, file.height, file.width), file)
        lay_over(levels, file)
        if not file.alpha_kind:
            return levels, None
        alpha = alpha_plane(file)
        levels[alpha == 0] = 0
        return levels, alpha


def rounded(samples: Array, file: File) -> Ints:
    """Levels (height, width, 3), or (height, width) without colour."""
    samples = samples if file.colour else samples.mean(2)
    levels: Ints = np.rint((2**file.depth - 1) * np.clip(samples, 0, 1)).astype(np.int64)
    return levels


def lay_over(levels: Ints, file: File) -> None:
    """Put the lossless layers of a file over its levels. Raises ValueError if one is damaged."""
    columns = -(-file.width // file.edge)
    for number, tile in enumerate(file.tiles):
        row, column = divmod(number, columns)
        top, left = row * file.edge, column * file.edge
        place = levels[top : top + file.edge, left : left + file.edge]
        if tile.layer is not None:
            colours, kept = unpacked_layer(tile.layer, *place.shape[:2])
            place[kept] = colours[kept] if file.colour else colours[kept][:, 1]


def hardswish(x: Array) -> Array:
    out: Array = x * np.clip(x + 3, 0, 6) / 6
    return out


def shuffle(x: Array, f: int) -> Array:
    """Pixel shuffle of (C f f, h, w)."""
    c, h, w = len(x) // f**2, *x.shape[1:]
    return x.reshape(c, f, f, h, w).transpose(0, 3, 1, 4, 2).reshape(c, h * f, w * f)


def across(pixels: Array, step: float, slope: float) -> Array:
    """Deblocking of (3, H, W) across the borders between columns, row by row."""
    out = pixels.copy()
    for b in range(16, pixels.shape[2], 16):
        for row in range(pixels.shape[1]):
            x = pixels[:, row]
            f, left = x[:, b - 4] - x[:, b - 7], x[:, b - 1] - x[:, b - 4]
            right, g = x[:, b + 3] - x[:, b], x[:, b + 6] - x[:, b + 3]
            e = x[:, b] - x[:, b - 1] - (left + right) / 6
            m = max(np.abs(d).max() for d in (f, left, right, g)) / 3
            s = np.clip(2 - m / slope, 0, 1) * np.clip(2 - np.abs(e).max() / step, 0, 1)
            for i in range(8):
                part = e * s * (15 - 2 * i) / 32
                out[:, row, b + i] -= part
                out[:, row, b - 1 - i] += part
    return out
