"""The slow decoder for files of the entropy model `ectx`, written from docs/FORMAT.md alone."""

from __future__ import annotations

import numpy as np

from tests.coding.reference import read_group
from tests.conformance.pure_container import Ints
from tests.conformance.pure_decoder import Model, add, attend, norm
from tests.conformance.pure_layer import Mask
from tests.conformance.pure_stream import Stream


class Contextformer(Model):
    """The parse path of one `ectx` model."""

    fourcc = b"ectx"

    def read_sizes(self, sizes: dict[str, int]) -> None:
        self.width, self.heads = sizes["width"], sizes["heads"]
        self.depth, self.window = sizes["depth"], sizes["window"]
        self.segments = sizes["segments"]
        self.groups = 2 * self.segments
        self.cut(self.segments)

    def columns_of(self, group: int, i: Ints, j: Ints) -> Ints:
        """Columns of the padded grid at positions of a group's grid."""
        return 2 * j + (i + group) % 2

    def attention(self, name: str, group: int, shift: tuple[int, int], kept: list[Ints]) -> Ints:
        """Attention of the last of the groups 0 ... ``group``, whose qkv (h, w/2, 3d) are given."""
        h, w = kept[-1].shape[:2]
        edge = self.window
        i, j = (axis.ravel() for axis in np.mgrid[0:h, 0:w])
        window = (i + shift[0]) // edge * (w + edge) + (j + shift[1]) // (edge // 2)
        target = self.columns_of(group + 1, i, j)
        q = self.split(kept[-1])[0]
        keys, values, bias, seen = [], [], [], []
        table = self.get(f"{name}.scores.bias")
        for before, qkv in enumerate(kept):
            _, k, v = self.split(qkv)
            a = (group + 1) // 2 - before // 2
            b = i[:, None] - i[None, :] + edge - 1
            c = target[:, None] - self.columns_of(before, i, j)[None, :] + edge - 1
            same = window[:, None] == window[None, :]
            place = np.where(same, (a * (2 * edge - 1) + b) * (2 * edge - 1) + c, 0)
            keys.append(k)
            values.append(v)
            bias.append(table[:, place])
            seen.append(same)
        k, v = np.concatenate(keys, 1), np.concatenate(values, 1)
        factor = self.tensors[f"{name}.scores.multiplier"]
        mixed = attend(q, k, v, factor, np.concatenate(bias, -1), np.concatenate(seen, -1))
        return mixed.transpose(1, 0, 2).reshape(h, w, self.width)

    def tell_next(self, group: int, symbols: Ints, kept: list[list[Ints]], quality: int) -> Ints:
        """Context for group ``group + 1``; ``kept`` is what earlier groups left in each layer."""
        x = add(
            self.context(group // 2, symbols, quality),
            self.get("network.group_table.weight")[group],
        )
        x = add(x, self.get("network.quality_table.weight")[quality])
        for number in range(self.depth):
            name = f"network.layers.{number}"
            shift = (self.window // 2, self.window // 4) if number % 2 else (0, 0)
            kept[number].append(self.linear(f"{name}.qkv", norm(x), "act"))
            mixed = self.attention(f"{name}.attention", group, shift, kept[number])
            x = add(x, self.linear(f"{name}.project", mixed, "residual"))
            x = self.feed_forward(f"{name}.feed_forward", x)
        return norm(x)

    def decode_latents(self, stream: bytes, z: Ints, coded: Mask, quality: int) -> Ints:
        """y (M, hp, wp) from the latent stream; all but ``coded`` positions (hp, wp) are 0."""
        rows = self.get("network.feature_quality_table.weight")
        features = norm(add(self.features(z), rows[quality]))
        high, wide = features.shape[:2]
        y = np.zeros((self.latent, high, wide), np.int64)
        kept: list[list[Ints]] = [[] for _ in range(self.depth)]
        reader = Stream(stream)
        i, j = np.mgrid[0:high, 0 : wide // 2]
        context = None
        for group in range(self.groups):
            segment, column = group // 2, self.columns_of(group, i, j)
            v = features[i, column]
            name = "network.first_parameters"
            if context is not None:
                v = np.concatenate((context, v), -1)
                name = f"network.segment_parameters.{segment}"
            v = self.linear(f"{name}.enter", v, "relu")
            v = self.linear(f"{name}.hidden", v, "relu")
            mean, index = self.head(f"{name}.head", v, quality)
            own = coded[i, column]
            values = read_group(reader, mean[own].ravel().tolist(), index[own].ravel().tolist())
            symbols = np.zeros(mean.shape, np.int64)
            symbols[own] = np.array(values, np.int64).reshape(-1, mean.shape[-1])
            for c in range(mean.shape[-1]):
                y[self.channels[segment].start + c, i, column] = symbols[:, :, c]
            if group + 1 < self.groups:
                context = self.tell_next(group, symbols, kept, quality)
        reader.finish()
        return y
