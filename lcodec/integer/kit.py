"""The contract of the layers that entropy networks are built from.

A network is written once, over a `Kit`. `lcodec.integer.twin.TwinKit` makes layers that train, in
floating point; `lcodec.integer.exact.ExactKit` makes the same layers in integers, as they are
released. What a layer takes, returns and costs is specified here, for both;
tests/integer/test_pairs.py checks each pair against it, up to the ends of all ranges.

The twin carries activations, latents and hyper-latents in units of the integers; the residual
stream in real units, that is integers divided by ``RESIDUAL.scale``. Only norms read a stream, so
its scale is free while a model trains; the export sets it (`lcodec.twin.headroom`).

A new layer needs a class here, a method of `Kit`, and its two forms in `twin` and in `exact`.
Export, restoring and operation counts rely only on what the classes offer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor

from lcodec.integer import profile as P
from lcodec.integer.condition import Condition
from lcodec.modules.typed import Args, Out, Typed


@dataclass(frozen=True)
class Format:
    """Integers from ``low`` to ``high``, each standing for itself divided by ``scale``."""

    scale: int
    low: int
    high: int

    @property
    def wide(self) -> bool:
        """Whether products take the integers as two 8-bit limbs."""
        return self.high > P.ACT_LIMIT

    @property
    def bound(self) -> int:
        """Largest magnitude that enters a sum: limbs reach one beyond the range."""
        return self.high + self.wide


ACT = Format(P.ACT_SCALE, -P.ACT_LIMIT, P.ACT_LIMIT)
"""Activations, 8 bit."""

RELU = Format(P.ACT_SCALE, 0, P.ACT_LIMIT)
"""Rectified activations."""

RESIDUAL = Format(P.RESIDUAL_SCALE, -P.RESIDUAL_LIMIT, P.RESIDUAL_LIMIT)
"""The residual stream between blocks, 16 bit."""

LATENT = Format(P.LATENT_SCALE, -P.LATENT_LIMIT, P.LATENT_LIMIT)
"""Latents in units of their deviation, 12 bit."""

HYPER = Format(P.HYPER_SCALE, -P.HYPER_LIMIT, P.HYPER_LIMIT)
"""Hyper-latents, 8 bit."""


def check_norm(width: int) -> None:
    """Raise ValueError if the norm of ``width`` channels is not exact."""
    if width >= 2048:
        raise ValueError("sums of squares of 2048 or more channels are not exact")


def check_attention(keys: int, head_width: int) -> None:
    """Raise ValueError if attention over that many keys, with heads that wide, is not exact."""
    if P.SCORE_WEIGHT_MAX * P.ACT_LIMIT * keys >= P.FLOAT32_EXACT:
        raise ValueError(f"attention over {keys} keys is not exact")
    if P.ACT_LIMIT**2 * head_width >= P.FLOAT32_EXACT:
        raise ValueError("heads are too wide for exact scores")


class Layer(Typed[Args, Out]):
    """A layer of a kit.

    Attributes:
        by_level: names of the stored tensors that have a row for every quality level.
    """

    by_level: ClassVar[tuple[str, ...]] = ()

    def macs(self, *args: Args.args, **kwargs: Args.kwargs) -> int:
        """Multiply-accumulates of a call with these arguments."""
        return 0


class Linear(Layer[[Tensor], Tensor]):
    """``x @ w + b`` over the last axis: (..., n_in) of format ``input`` -> (..., n_out)."""

    def __init__(self, n_in: int, n_out: int, output: Format, input: Format = ACT) -> None:
        super().__init__()
        self.n_in, self.n_out = n_in, n_out
        self.input, self.output = input, output

    def macs(self, x: Tensor) -> int:
        return x.numel() * self.n_out


class Depthwise(Layer[[Tensor], Tensor]):
    """3x3 depthwise convolution of activations (B, h, w, width), zero padding, rectified."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def macs(self, x: Tensor) -> int:
        return 9 * x.numel()


class Norm(Layer[[Tensor], Tensor]):
    """Root-mean-square norm of the residual stream (..., width), to activations."""

    def __init__(self, width: int) -> None:
        check_norm(width)
        super().__init__()
        self.width = width


class Table(Layer[[Tensor | slice], Tensor]):
    """Learned vectors in the residual stream: rows by index, (..., width)."""


class LevelTable(Layer[[Tensor], Tensor]):
    """A learned vector in the residual stream for every quality: qualities (B,) -> (B, width)."""

    by_level = ("weight",)


class Attention(Layer[[Tensor, Tensor, Tensor, Tensor, Tensor | None], Tensor]):
    """Softmax attention with a learned bias per head and entry of a table.

    ``forward(q, k, v, index, mask)``: q (N, heads, n, e), k and v (N, heads, m, e), activations;
    ``index`` (n, m) is the table entry of each pair; ``mask`` broadcasts to (N, heads, n, m), true
    where a key is seen (at least one for each query). Returns activations (N, heads, n, e).
    """

    def __init__(self, heads: int, head_width: int, entries: int) -> None:
        check_attention(1, head_width)
        super().__init__()
        self.heads, self.head_width, self.entries = heads, head_width, entries

    def macs(
        self, q: Tensor, k: Tensor, v: Tensor, index: Tensor, mask: Tensor | None = None
    ) -> int:
        return 2 * q.numel() * k.shape[-2]


class Memory(Layer[[Tensor, Tensor], Tensor]):
    """Means of the values, weighted over the positions by each channel of the keys.

    ``forward(k, v)``: activations k (N, heads, m, e) and v (N, heads, m, c) -> (N, heads, e, c) in
    the format of the residual stream. With `Recall` this is attention in time and memory linear in
    the positions (Shen et al., arXiv 1812.01243): keys are softmaxed over positions, queries over
    their channels, both to the base 2.
    """

    def macs(self, k: Tensor, v: Tensor) -> int:
        return k.numel() * v.shape[-1]


class Recall(Layer[[Tensor, Tensor], Tensor]):
    """Rows of a memory, mixed by the channels of each query.

    ``forward(q, memory)``: activations q (N, heads, n, e); memory (N, heads, e, c) -> (N, heads,
    n, c) in the residual stream.
    """

    def macs(self, q: Tensor, memory: Tensor) -> int:
        return q.numel() * memory.shape[-1]


class Head(Layer[[Tensor, Condition], tuple[Tensor, Tensor]]):
    """Means and scale indices of the latents ``channels``, from activations (B, ..., n_in).

    Two (B, ..., n_out). From the twin: means in steps, multiples of 1 / ``MEAN_SCALE``, and real
    indices, which `lcodec.integer.likelihood.index_to_sigma` clamps. From the integers: int32,
    means in units of 1 / ``MEAN_SCALE`` and indices 0..63. The constants differ by quality.
    """

    by_level = ("bias", "multiplier")

    n_out: int

    def __init__(self, n_in: int, channels: slice) -> None:
        super().__init__()
        self.n_in, self.n_out = n_in, channels.stop - channels.start
        self.channels = channels

    def macs(self, x: Tensor, condition: Condition) -> int:
        return 2 * x.numel() * self.n_out


class Kit(Protocol):
    """Makes layers, all of one form, and does the arithmetic between them."""

    def linear(self, n_in: int, n_out: int, output: Format, input: Format = ACT) -> Linear:
        """A linear layer."""
        ...

    def closing(self, n_in: int, n_out: int) -> Linear:
        """The last layer of a block, into the residual stream.

        Training starts it at zero, so that its block starts as the identity.
        """
        ...

    def embedding(self, n_in: int, n_out: int) -> Linear:
        """A linear layer from latents into the residual stream."""
        ...

    def depthwise(self, width: int) -> Depthwise:
        """A depthwise convolution."""
        ...

    def norm(self, width: int) -> Norm:
        """A norm."""
        ...

    def table(self, rows: int, width: int) -> Table:
        """A table of vectors."""
        ...

    def quality_table(self, width: int) -> LevelTable:
        """A table of vectors by quality."""
        ...

    def attention(self, heads: int, head_width: int, entries: int) -> Attention:
        """Softmax attention."""
        ...

    def memory(self) -> Memory:
        """The writing half of linear attention."""
        ...

    def recall(self) -> Recall:
        """The reading half of linear attention."""
        ...

    def head(self, n_in: int, channels: slice) -> Head:
        """The head that predicts the latents ``channels``."""
        ...

    def hyper_input(self, z_hat: Tensor) -> Tensor:
        """Clamp hyper-latents to their format."""
        ...

    def add(self, stream: Tensor, update: Tensor) -> Tensor:
        """Add to the residual stream and clamp the sum to its format."""
        ...
