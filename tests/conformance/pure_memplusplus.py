"""The slow decoder for files of the entropy model `memp`, written from docs/FORMAT.md alone."""

from __future__ import annotations

import numpy as np

from tests.coding.reference import read_group
from tests.conformance.pure_container import Ints
from tests.conformance.pure_decoder import SCORES, Model, add, attend, norm
from tests.conformance.pure_layer import Mask
from tests.conformance.pure_stream import Stream


def quotient(a: Ints, b: Ints) -> Ints:
    """One binary64 division, rounded to the nearest integer, ties to even."""
    ratio: Ints = np.rint(a.astype(np.float64) / b.astype(np.float64)).astype(np.int64)
    return ratio


def remember(key: Ints, value: Ints) -> Ints:
    """Memory (a, c) of keys (n, a) and values (n, c)."""
    w = SCORES[np.minimum(2 * (key.max(0) - key), 288)]
    return quotient(16 * (w.T @ value), w.sum(0)[:, None])


def read(memory: Ints, query: Ints) -> Ints:
    """Read a memory (a, c) with queries (n, a)."""
    u = SCORES[np.minimum(2 * (query.max(1, keepdims=True) - query), 288)]
    return quotient(u @ memory, u.sum(1, keepdims=True))


def around(v: Ints) -> Ints:
    """Channels of the nine positions around each of (h, w, C)."""
    h, w = v.shape[:2]
    padded = np.pad(v, ((1, 1), (1, 1), (0, 0)))
    return np.concatenate([padded[r : r + h, c : c + w] for r in range(3) for c in range(3)], -1)


class MemPlusPlus(Model):
    """The parse path of one `memp` model. What lies on one parity is (positions, channels)."""

    fourcc = b"memp"

    def read_sizes(self, sizes: dict[str, int]) -> None:
        self.width, self.heads = sizes["width"], sizes["heads"]
        self.depth, self.window = sizes["depth"], sizes["window"]
        self.slices, self.head_width = sizes["slices"], sizes["head_width"]
        self.cut(self.slices)
        reach = self.window // 2
        axis = range(-reach, reach + 1)
        self.offsets = [(r, c) for r in axis for c in axis if (r + c) % 2 == 1]

    def head_of(self, x: Ints, head: int) -> Ints:
        return x[..., head * self.head_width : (head + 1) * self.head_width]

    def global_stream(self, k: int, x: Ints, codes: list[Ints], memories: list[Ints]) -> Ints:
        """Channel and inter-slice context on the stream (h, w, d) of slice ``k`` > 0."""
        name = f"network.channel.{k - 1}"
        hidden = self.linear(f"{name}.enter", around(np.concatenate(codes, -1)), "relu")
        x = add(x, self.linear(f"{name}.project", around(hidden), "residual"))
        name = f"network.inter.{k - 1}"
        h, w = x.shape[:2]
        query = self.linear(f"{name}.query", norm(x), "act").reshape(h * w, -1)
        y = np.concatenate([read(m, self.head_of(query, t)) for t, m in enumerate(memories)], -1)
        return add(x, self.linear(f"{name}.project", norm(y), "residual").reshape(x.shape))

    def local(self, k: int, x: Ints, places: Ints, anchors: Ints) -> Ints:
        """Local context on the stream (n, d) at ``places`` (n, 2); ``anchors`` (h, w, E)."""
        name = f"network.local.{k}"
        query = self.linear(f"{name}.query", norm(x), "act")
        keys = self.linear(f"{name}.key_value", anchors, "act")
        values = keys[..., self.heads * self.head_width :]
        near = places[:, None] + np.array(self.offsets)
        seen = ((near >= 0) & (near < anchors.shape[:2])).all(-1)
        row, column = np.where(seen[..., None], near, 0).transpose(2, 0, 1)
        bias = self.get(f"{name}.scores.bias")
        factor = self.tensors[f"{name}.scores.multiplier"]
        mixed = []
        for t in range(self.heads):
            q = self.head_of(query, t)[:, None]
            k_t, v_t = (self.head_of(part, t)[row, column] for part in (keys, values))
            mixed.append(attend(q, k_t, v_t, factor, bias[t], seen[:, None])[:, 0])
        return add(x, self.linear(f"{name}.project", np.concatenate(mixed, -1), "residual"))

    def intra(self, k: int, x: Ints, before: tuple[Ints, Ints], anchors: Ints) -> Ints:
        """Intra-slice context on the stream (n, d); both halves of the slice before, anchors."""
        name = f"network.intra.{k - 1}"
        query = self.linear(f"{name}.query", before[1], "act")
        key = self.linear(f"{name}.key", before[0], "act")
        value = self.linear(f"{name}.value", anchors, "act")
        heads = [tuple(self.head_of(v, t) for v in (query, key, value)) for t in range(self.heads)]
        y = np.concatenate([read(remember(k_t, v_t), q_t) for q_t, k_t, v_t in heads], -1)
        return add(x, self.linear(f"{name}.project", norm(y), "residual"))

    def decode_latents(self, stream: bytes, z: Ints, coded: Mask, quality: int) -> Ints:
        """y (M, hp, wp) from the latent stream; all but ``coded`` positions (hp, wp) are 0."""
        features = self.features(z)
        high, wide = features.shape[:2]
        quality_row = self.get("network.quality_table.weight")[quality]
        y = np.zeros((self.latent, high, wide), np.int64)
        codes: list[Ints] = []
        memories: list[Ints] = []
        reader = Stream(stream)
        i, j = np.mgrid[0:high, 0 : wide // 2]
        parities = [(i.ravel(), (2 * j + (i + p) % 2).ravel()) for p in range(2)]
        for k in range(self.slices):
            x = add(features[..., k * self.width : (k + 1) * self.width], quality_row)
            if k:
                x = self.global_stream(k, x, codes, memories)
            code = np.zeros((high, wide, self.get(f"network.embed.{k}.bias").size), np.int64)
            for p, places in enumerate(parities):
                row, column = places
                own = x[places]
                if p:
                    own = self.local(k, own, np.stack(places, -1), code)
                if p and k:
                    halves = codes[-1][parities[0]], codes[-1][parities[1]]
                    own = self.intra(k, own, halves, code[parities[0]])
                name = f"network.{('anchor', 'other')[p]}.{k}"
                for number in range(self.depth):
                    own = self.feed_forward(f"{name}.mix.{number}", own)
                mean, index = self.head(f"{name}.head", norm(own), quality)
                known = coded[places]
                values = read_group(
                    reader, mean[known].ravel().tolist(), index[known].ravel().tolist()
                )
                symbols = np.zeros(mean.shape, np.int64)
                symbols[known] = np.array(values, np.int64).reshape(-1, mean.shape[-1])
                y[self.channels[k], row, column] = symbols.T
                code[places] = norm(self.context(k, symbols, quality))
            codes.append(code)
            if k + 1 < self.slices:
                pair = self.linear(f"network.memory.{k}.key_value", code, "act")
                flat = pair.reshape(high * wide, -1)
                memories.append(remember(self.head_of(flat, 0), self.head_of(flat, 1)))
        reader.finish()
        return y
