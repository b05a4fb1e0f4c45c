"""A slow decoder of the symbols of a file, written from docs/FORMAT.md with NumPy.

Besides, only lossless layers need a library. It shares nothing with the package but its two frozen
files, and shows that the page is enough.
Integers travel as int64; floating point appears only where the page says so.
"""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from tests.coding.reference import read_group
from tests.conformance.pure_container import Ints, Tile, check, parse
from tests.conformance.pure_layer import Mask, skipped_positions, unpacked_layer
from tests.conformance.pure_stream import Stream

Floats: TypeAlias = NDArray[np.float32]
Tensors: TypeAlias = dict[str, NDArray[Any]]

EXACT = 1 << 24
RANGES = {"act": (-127, 127), "relu": (0, 127), "residual": (-32767, 32767)}


# Layers


def rescale(total: Ints, multiplier: Floats, low: int, high: int) -> Ints:
    """One binary32 multiplication, rounded to the nearest integer, ties to even; clamped."""
    assert np.abs(total).max(initial=0) < EXACT
    product = total.astype(np.float32) * multiplier
    assert product.dtype == np.float32
    rounded: Ints = np.clip(np.rint(product), low, high).astype(np.int64)
    return rounded


def add(a: Ints, b: Ints) -> Ints:
    """Sum of residuals."""
    total: Ints = np.clip(a + b, -32767, 32767)
    return total


def norm(x: Ints) -> Ints:
    """Root mean square norm over the last axis."""
    channels = x.shape[-1]
    scaled = 4096 * (64 * channels + np.square(x).sum(-1, keepdims=True))
    root = np.array([math.isqrt(s) for s in scaled.ravel().tolist()]).reshape(scaled.shape)
    gain = (np.float64(1024 * math.sqrt(channels)) / root.astype(np.float64)).astype(np.float32)
    return rescale(x, gain, -127, 127)


def score_table() -> Ints:
    """The table T: 255 * 2^(-u / 32) for u = 0 ... 287, then 0."""
    entries = []
    for u in range(288):
        w = 256
        while (2 * w - 1) ** 32 * 2**u > 510**32:
            w -= 1
        entries.append(w)
    return np.array([*entries, 0])


SCORES = score_table()


def attend(
    q: Ints, k: Ints, v: Ints, multiplier: Floats, bias: Ints, seen: NDArray[np.bool_]
) -> Ints:
    """Queries (..., n, e) over keys (..., m, e); ``bias`` and ``seen`` fit (..., n, m)."""
    scores = rescale(q @ k.swapaxes(-1, -2), multiplier, -(1 << 20), 1 << 20) + bias
    top = np.where(seen, scores, np.iinfo(np.int64).min).max(-1, keepdims=True)
    steps = np.where(seen, np.minimum(top - scores, 288), 288)
    weights = SCORES[steps]
    mixed, total = weights @ v, weights.sum(-1, keepdims=True)
    assert np.abs(mixed).max(initial=0) < EXACT
    quotient: Ints = np.rint(mixed.astype(np.float32) / total.astype(np.float32)).astype(np.int64)
    return quotient


def shuffle(x: Ints) -> Ints:
    """(h, w, 4C) to (2h, 2w, C)."""
    h, w, c = x.shape[0], x.shape[1], x.shape[2] // 4
    out = np.empty((2 * h, 2 * w, c), np.int64)
    for a in range(2):
        for b in range(2):
            part = 2 * a + b
            out[a::2, b::2] = x[:, :, part * c : (part + 1) * c]
    return out


# Model


class Model:
    """The parse path of a GroupedMixer. Grids are (rows, columns, channels)."""

    fourcc = b"gmix"

    def __init__(self, folder: Path, earlier: str | None = None) -> None:
        """The model in a folder, or the ``earlier`` release that it keeps.

        Raises ValueError if the tensors are not those that its id names.
        """
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        shared = folder.parent / config["transforms"]
        config |= json.loads((shared / "config.json").read_text(encoding="utf-8"))
        entropy = "entropy.safetensors"
        if earlier is not None:
            config |= config["earlier"][earlier] | {"model_id": earlier}
            entropy = f"entropy-{earlier}.safetensors"
        self.tensors: Tensors = load_file(folder / entropy)
        transforms = load_file(shared / "transforms.safetensors")
        self.id = model_id(config, transforms, self.tensors)
        if config["model_id"] != self.id.hex():
            raise ValueError("wrong model id")
        sizes: dict[str, Any] = config["entropy"]
        self.latent, self.hyper_latent = sizes["latent"], sizes["hyper_latent"]
        self.read_sizes(sizes)

    def read_sizes(self, sizes: dict[str, Any]) -> None:
        """Take the sizes of this kind of entropy model."""
        self.rows, self.columns = sizes["rows"], sizes["columns"]
        self.width, self.heads = sizes["width"], sizes["heads"]
        self.depth, self.window = sizes["depth"], sizes["window"]
        self.cut(sizes["slices"], sizes.get("slice_channels"))
        places = [(a, b) for a in range(self.rows) for b in range(self.columns)]
        self.phases = sorted(places, key=lambda place: (sum(place) % 2, place))
        self.slices = sizes["slices"]
        self.groups = self.slices * len(self.phases)
        self.mixers = sizes.get("mixers", "both")
        self.channels_first = sizes.get("channels_first", False)

    def cut(self, slices: int, widths: list[int] | None = None) -> None:
        """Cut the channels into slices, alike if no ``widths`` are given."""
        ends = np.cumsum(widths or [self.latent // slices] * slices)
        self.channels = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]

    def get(self, name: str) -> Ints:
        """A tensor of integers."""
        return self.tensors[name].astype(np.int64)

    def linear(self, name: str, x: Ints, kind: str) -> Ints:
        """Linear layer over the last axis."""
        total = x @ self.get(f"{name}.weight").T + self.get(f"{name}.bias")
        return rescale(total, self.tensors[f"{name}.multiplier"], *RANGES[kind])

    def depthwise(self, name: str, x: Ints) -> Ints:
        """3x3 depthwise convolution with zeros outside."""
        h, w = x.shape[:2]
        weight = self.get(f"{name}.weight")
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        taps = [padded[a : a + h, b : b + w] * weight[:, a, b] for a in range(3) for b in range(3)]
        total = sum(taps, self.get(f"{name}.bias"))
        return rescale(total, self.tensors[f"{name}.multiplier"], 0, 127)

    def hyper_block(self, name: str, x: Ints) -> Ints:
        """One block of the hyper-synthesis."""
        spatial = self.depthwise(f"{name}.spatial", norm(x))
        x = add(x, self.linear(f"{name}.project", spatial, "residual"))
        return self.feed_forward(name, x)

    def feed_forward(self, name: str, x: Ints) -> Ints:
        """Norm, up, down, added to the stream."""
        up = self.linear(f"{name}.up", norm(x), "relu")
        return add(x, self.linear(f"{name}.down", up, "residual"))

    def features(self, z: Ints) -> Ints:
        """F (hp, wp, f) from z (Z, hp / 4, wp / 4)."""
        prefix = "network.synthesis"
        x = np.clip(z, -127, 127).transpose(1, 2, 0)
        x = self.hyper_block(f"{prefix}.block64", self.linear(f"{prefix}.enter", x, "residual"))
        for scale in ("32", "16"):
            wide = self.linear(f"{prefix}.expand{scale}", norm(x), "residual")
            x = self.hyper_block(f"{prefix}.block{scale}", shuffle(wide))
        return self.linear("network.features", norm(x), "residual")

    def split(self, qkv: Ints) -> tuple[Ints, Ints, Ints]:
        """Queries, keys, values, each (heads, positions, e)."""
        parts = qkv.reshape(-1, 3, self.heads, self.width // self.heads)
        q, k, v = parts.transpose(1, 2, 0, 3)
        return q, k, v

    def window_attention(self, name: str, qkv: Ints, shift: int) -> Ints:
        """Attention inside the windows of one group's grid (hc, wc, 3d)."""
        h, w = qkv.shape[:2]
        rows, columns = (axis.ravel() for axis in np.mgrid[0:h, 0:w])
        window = ((rows + shift) // self.window, (columns + shift) // self.window)
        seen = np.logical_and(*(part[:, None] == part[None, :] for part in window))
        edge = self.window - 1
        down, right = (axis[:, None] - axis[None, :] + edge for axis in (rows, columns))
        place = np.where(seen, down * (2 * self.window - 1) + right, 0)
        bias = self.get(f"{name}.scores.bias")[:, place]
        mixed = attend(*self.split(qkv), self.tensors[f"{name}.scores.multiplier"], bias, seen)
        return mixed.transpose(1, 0, 2).reshape(h, w, self.width)

    def group_attention(self, name: str, group: int, now: Ints, earlier: list[Ints]) -> Ints:
        """Attention of group ``group`` over itself and all before; qkv (hc, wc, 3d) of each."""
        q = self.split(now)[0][:, :, None]
        pairs = [self.split(qkv)[1:] for qkv in [*earlier, now]]
        k = np.stack([key for key, _ in pairs], axis=2)  # (heads, positions, groups, e)
        v = np.stack([value for _, value in pairs], axis=2)
        pairs_before = group * self.groups
        bias = self.get(f"{name}.scores.bias")[:, pairs_before : pairs_before + group + 1]
        bias = bias[:, None, None]
        seen = np.ones(group + 1, np.bool_)
        mixed = attend(q, k, v, self.tensors[f"{name}.scores.multiplier"], bias, seen)
        return mixed[:, :, 0].transpose(1, 0, 2).reshape(now.shape[0], now.shape[1], self.width)

    def layer(self, number: int, group: int, x: Ints, kept: list[Ints]) -> Ints:
        """One layer over the tokens of a group; ``kept`` is what the groups before left in it."""
        name = f"network.layers.{number}"
        shift = 0 if number % 2 == 0 else self.window // 2
        if self.mixers != "cross":
            qkv = self.linear(f"{name}.inner.qkv", norm(x), "act")
            mixed = self.window_attention(f"{name}.inner.attention", qkv, shift)
            x = add(x, self.linear(f"{name}.inner.project", mixed, "residual"))
            x = self.feed_forward(f"{name}.inner_forward", x)
        if self.mixers == "inner":
            return x
        qkv = self.linear(f"{name}.cross.qkv", norm(x), "act")
        mixed = self.group_attention(f"{name}.cross.attention", group, qkv, kept)
        kept.append(qkv)
        x = add(x, self.linear(f"{name}.cross.project", mixed, "residual"))
        return self.feed_forward(f"{name}.cross_forward", x)

    def head(self, name: str, x: Ints, quality: int) -> tuple[Ints, Ints]:
        """Mean and scale index, each (..., m)."""
        total = x @ self.get(f"{name}.weight").T + self.get(f"{name}.bias")[quality]
        factor = self.tensors[f"{name}.multiplier"][quality]
        m = total.shape[-1] // 2
        mean = rescale(total[..., :m], factor[:m], -(1 << 19), 1 << 19)
        return mean, rescale(total[..., m:], factor[m:], 0, 63)

    def context(self, part: int, symbols: Ints, quality: int) -> Ints:
        """What the symbols (hc, wc, slice width) of a group tell the next one."""
        factor = self.tensors["latent_multiplier"][quality, self.channels[part]]
        inputs = rescale(symbols, factor, -2047, 2047)
        return self.linear(f"network.embed.{part}", inputs, "residual")

    def decode_hyper(self, stream: bytes, coded: Mask, quality: int) -> Ints:
        """z (Z, hp / 4, wp / 4) from the hyper stream; ``coded`` positions are not 0."""
        count = np.count_nonzero(coded)
        mean = np.repeat(self.get("prior_mean")[quality], count)
        index = np.repeat(self.get("prior_index")[quality], count)
        reader = Stream(stream)
        symbols = read_group(reader, mean.tolist(), index.tolist())
        reader.finish()
        z = np.zeros((self.hyper_latent, *coded.shape), np.int64)
        z[:, coded] = np.array(symbols, np.int64).reshape(self.hyper_latent, count)
        return z

    def decode_latents(self, stream: bytes, z: Ints, coded: Mask, quality: int) -> Ints:
        """y (M, hp, wp) from the latent stream; all but ``coded`` positions (hp, wp) are 0."""
        features = self.features(z)
        y = np.zeros((self.latent, *features.shape[:2]), np.int64)
        kept: list[list[Ints]] = [[] for _ in range(self.depth)]
        reader = Stream(stream)
        context = None
        for group in range(self.groups):
            part, place = divmod(group, len(self.phases))
            if self.channels_first:
                place, part = divmod(group, self.slices)
            a, b = self.phases[place]
            grid = (slice(a, None, self.rows), slice(b, None, self.columns))
            x = features[grid][:, :, part * self.width : (part + 1) * self.width]
            x = add(x, self.get("network.group_table.weight")[group])
            x = add(x, self.get("network.quality_table.weight")[quality])
            if context is not None:
                x = add(x, context)
            for number in range(self.depth):
                x = self.layer(number, group, x, kept[number])
            mean, index = self.head(f"network.heads.{part}", norm(x), quality)
            own = coded[grid]
            symbols = np.zeros(mean.shape, np.int64)
            values = read_group(reader, mean[own].ravel().tolist(), index[own].ravel().tolist())
            symbols[own] = np.array(values, np.int64).reshape(-1, mean.shape[-1])
            y[(self.channels[part], *grid)] = symbols.transpose(2, 0, 1)
            context = self.context(part, symbols, quality)
        reader.finish()
        return y

    def decode_tile(self, number: int, tile: Tile, height: int, width: int, quality: int) -> Ints:
        """y (M, h, w) of a tile, whose sides are in pixels.

        Raises ValueError if its symbols are not the encoded ones, or its layer is damaged.
        """
        coded = coded_positions(tile, height, width)
        hp, wp = coded.shape
        z_coded = np.asarray(coded.reshape(hp // 4, 4, wp // 4, 4).any((1, 3)))
        z = self.decode_hyper(tile.hyper, z_coded, quality)
        y = self.decode_latents(tile.latent, z, coded, quality)
        y = y[:, : -(-height // 16), : -(-width // 16)]
        symbols = number.to_bytes(4, "little") + z.astype("<i2").tobytes()
        symbols += np.ascontiguousarray(y).astype("<i2").tobytes()
        check(zlib.crc32(symbols) == tile.checksum, "wrong symbol checksum")
        return y

    def decode(self, data: bytes) -> Ints:
        """y (M, ceil(height / 16), ceil(width / 16)) of a file. Raises ValueError as above."""
        file = parse(data)
        check((file.entropy_model, file.model_id) == (self.fourcc, self.id), "another model's")
        tiles, rows = iter(enumerate(file.tiles)), []
        for top in range(0, file.height, file.edge):
            height, row = min(file.edge, file.height - top), []
            for left in range(0, file.width, file.edge):
                width = min(file.edge, file.width - left)
                row.append(self.decode_tile(*next(tiles), height, width, file.quality))
            rows.append(np.concatenate(row, 2))
        return np.concatenate(rows, 1)


def coded_positions(tile: Tile, height: int, width: int) -> Mask:
    """Positions of the padded grid of a tile that are coded. ValueError for a damaged layer."""
    h, w = -(-height // 16), -(-width // 16)
    coded = np.zeros((-(-h // 4) * 4, -(-w // 4) * 4), np.bool_)
    coded[:h, :w] = True
    if tile.layer is not None:
        _, kept = unpacked_layer(tile.layer, height, width)
        coded[:h, :w] = ~skipped_positions(kept)
    return coded


def model_id(config: dict[str, Any], *files: Tensors) -> bytes:
    """First four bytes of the SHA-256 over sizes and all tensors."""
    keys = ("entropy", "kind", "profile", "transforms", "scale", "tune", "reach")
    sizes = {key: config[key] for key in keys if key in config}
    text = hashlib.sha256(json.dumps(sizes, sort_keys=True, separators=(",", ":")).encode())
    for tensors in files:
        for name in sorted(tensors, key=str.encode):
            tensor = tensors[name]
            text.update(f"{name}|torch.{tensor.dtype.name}|{tensor.shape}|".encode())
            text.update(tensor.astype(tensor.dtype.newbyteorder("<")).tobytes())
    return text.digest()[:4]
