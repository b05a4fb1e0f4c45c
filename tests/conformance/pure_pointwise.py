"""The models without attention, as docs/FORMAT.md describes them, for `pure_decoder`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.coding.reference import read_group
from tests.conformance.pure_container import Ints
from tests.conformance.pure_decoder import Model, add, norm, rescale
from tests.conformance.pure_layer import Mask
from tests.conformance.pure_stream import Stream

Place = tuple[int, int]
AROUND = [(-2, -1), (-2, 1), (-1, -2), (-1, 0), (-1, 2), (0, -1)]
AROUND += [(0, 1), (1, -2), (1, 0), (1, 2), (2, -1), (2, 1)]
BEFORE = [(-2, -2), (-2, -1), (-2, 0), (-2, 1), (-2, 2)]
BEFORE += [(-1, -2), (-1, -1), (-1, 0), (-1, 1), (-1, 2), (0, -2), (0, -1)]


class HyperpriorModel(Model):
    """The hyperprior alone; the others differ in their groups."""

    fourcc = b"hypr"

    def read_sizes(self, sizes: dict[str, int]) -> None:
        self.width, self.depth = sizes["width"], sizes["depth"]

    def steps(self, places: list[Place]) -> Iterator[tuple[list[Place], list[Place]]]:
        """The positions of each group, and the offsets of the neighbours that they see."""
        yield places, []

    def near(self, tokens: dict[Place, Ints], place: Place, offsets: list[Place]) -> Ints:
        """The tokens at the offsets from a place, side by side."""
        nothing = np.zeros(self.width, np.int64)
        spots = [(place[0] + r, place[1] + c) for r, c in offsets]
        return np.concatenate([tokens.get(spot, nothing) for spot in spots])

    def token(self, side: Ints, symbols: Ints, quality: int) -> Ints:
        """What a position tells its neighbours."""
        inputs = rescale(symbols, self.tensors["latent_multiplier"][quality], -2047, 2047)
        return norm(add(side, self.linear("network.context.embed", inputs, "residual")))

    def decode_latents(self, stream: bytes, z: Ints, coded: Mask, quality: int) -> Ints:
        """y (M, hp, wp) from the latent stream; all but ``coded`` positions (hp, wp) are 0."""
        side = add(self.features(z), self.get("network.quality_table.weight")[quality])
        y = np.zeros((self.latent, *side.shape[:2]), np.int64)
        tokens: dict[Place, Ints] = {}
        reader = Stream(stream)
        groups = list(self.steps(list(np.ndindex(*side.shape[:2]))))
        for places, offsets in groups:
            x = np.stack([side[place] for place in places])
            if offsets:
                near = np.stack([self.near(tokens, place, offsets) for place in places])
                x = add(x, self.linear("network.context.combine", near, "residual"))
            for number in range(self.depth):
                x = self.feed_forward(f"network.layers.{number}", x)
            mean, index = self.head("network.head", norm(x), quality)
            own = [coded[place] for place in places]
            values = read_group(reader, mean[own].ravel().tolist(), index[own].ravel().tolist())
            symbols = np.zeros(mean.shape, np.int64)
            symbols[own] = np.array(values, np.int64).reshape(-1, self.latent)
            for place, known in zip(places, symbols, strict=True):
                y[(slice(None), *place)] = known
                if len(groups) > 1:
                    tokens[place] = self.token(side[place], known, quality)
        reader.finish()
        return y


class CheckerboardModel(HyperpriorModel):
    """Anchors, then the others."""

    fourcc = b"chkb"

    def steps(self, places: list[Place]) -> Iterator[tuple[list[Place], list[Place]]]:
        yield [place for place in places if sum(place) % 2 == 0], []
        yield [place for place in places if sum(place) % 2 == 1], AROUND


class SerialModel(HyperpriorModel):
    """One position after the other."""

    fourcc = b"serl"

    def steps(self, places: list[Place]) -> Iterator[tuple[list[Place], list[Place]]]:
        for place in places:
            yield [place], BEFORE
