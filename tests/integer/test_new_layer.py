"""A layer is added in three places: the contract, the twin kit, the exact kit.

The layer of this test scales each channel. Nothing else knows of it: not the export, not the way
back, not the count of operations, not the room that residual streams get.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lcodec.bench.macs import MacCounter, parameters
from lcodec.entropy.hyperprior import Hyperprior, HyperpriorConfig
from lcodec.entropy.model import IntegerEntropyModel
from lcodec.integer import profile as P
from lcodec.integer.carriers import Carrier, exact_products, make_carrier
from lcodec.integer.condition import Condition
from lcodec.integer.exact import ExactKit
from lcodec.integer.kit import ACT, RESIDUAL, Kit, Layer
from lcodec.integer.prepared import Prepared, rescale
from lcodec.integer.quantise import Rounding, integer_weight, proved, real_weight
from lcodec.integer.trainable import Integers, TwinLayer
from lcodec.integer.twin import TwinKit
from lcodec.twin.headroom import scale_streams
from lcodec.twin.integers import export_entropy
from lcodec.twin.restore import restore_entropy
from tests.entropy.test_models import H, W, inputs, predictions, twin_inputs
from tests.entropy.tiny import TINY
from tests.tinymodel import tiny_codec

KIND = "hyperprior"

# In kit.py:


class Scaling(Layer[[Tensor], Tensor]):
    """Activations (..., width), each channel times a factor of its own, into the stream."""

    def macs(self, x: Tensor) -> int:
        return x.numel()


class ScalingKit(Kit, Protocol):
    def scaling(self, width: int) -> Scaling: ...


# In twin.py:


class TwinScaling(Scaling, TwinLayer):
    writes_stream = True

    def __init__(self, rounding: Rounding, width: int) -> None:
        super().__init__()
        self.rounding = rounding
        self.weight = nn.Parameter(torch.rand(width, 1) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.rounding.stream(x * self.weight[:, 0] / ACT.scale)

    def to_integers(self, deviation: Tensor) -> Integers:
        weight, steps = integer_weight(self.weight)
        none = torch.zeros(len(weight), dtype=torch.float64)
        stored = proved(weight, none, steps * RESIDUAL.scale / ACT.scale)
        return {name: stored[name] for name in ("weight", "multiplier")}

    def from_integers(self, stored: Integers, deviation: Tensor) -> None:
        steps = stored["multiplier"].double() * ACT.scale / RESIDUAL.scale
        self.weight.copy_(real_weight(stored["weight"], steps))


class TwinScalingKit(TwinKit):
    def scaling(self, width: int) -> TwinScaling:
        return TwinScaling(self.rounding, width)


# In exact.py:


class ExactScaling(Scaling, Prepared):
    weight: Tensor
    multiplier: Tensor

    def __init__(self, carrier: Carrier, width: int) -> None:
        super().__init__()
        self.carrier = carrier
        self.register_buffer("weight", torch.zeros(width, 1, dtype=torch.int8))
        self.register_buffer("multiplier", torch.zeros(width))

    def prepare(self) -> None:
        self._weight = self.weight[:, 0].to(self.carrier.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return rescale(x * self._weight, self.multiplier, RESIDUAL, self.carrier.dtype)


class ExactScalingKit(ExactKit):
    def scaling(self, width: int) -> ExactScaling:
        return ExactScaling(self.carrier, width)


# And a network that uses it:


class ScaledHyperprior(Hyperprior):
    def __init__(self, config: HyperpriorConfig, kit: ScalingKit) -> None:
        super().__init__(config, kit)
        self.scaling = kit.scaling(config.width)

    def side(self, z_hat: Tensor, condition: Condition) -> Tensor:
        side = super().side(z_hat, condition)
        return self.kit.add(side, self.scaling(self.norm(side)))


def config() -> HyperpriorConfig:
    found = TINY[KIND]
    assert isinstance(found, HyperpriorConfig)
    return found


def test_a_new_layer_is_trained_released_restored_and_counted() -> None:
    codec = tiny_codec(kind=KIND)
    codec.kit = TwinScalingKit(anchors=config().anchors)
    network: Any = ScaledHyperprior(config(), codec.kit)
    network.load_state_dict(codec.network.state_dict(), strict=False)
    codec.network = network
    integers = export_entropy(codec)
    assert integers["network.scaling.weight"].dtype == torch.int8

    model = IntegerEntropyModel(config(), make_carrier("float32"))
    plain, counted, without = parameters(model), MacCounter(), MacCounter()
    z, y = inputs()
    with exact_products(), without.watch(model.network):
        model.load(model.state_dict(), torch.device("cpu"))
        model.predict(model.begin(z, 60))
    scaled: Any = ScaledHyperprior(config(), ExactScalingKit(make_carrier("float32")))
    model.network = scaled
    model.load(integers, torch.device("cpu"))
    assert parameters(model) == plain + config().width
    with exact_products(), counted.watch(model.network):
        model.predict(model.begin(z, 60))
    assert counted.total == without.total + H * W * config().width

    ((mean, index),) = predictions(model, z, y)
    with torch.no_grad():
        twin_mean, twin_index = network.parallel(*twin_inputs(codec, z, y))
    exact_mean = model.ungroup([mean], H, W) / P.MEAN_SCALE
    exact_index = model.ungroup([index], H, W)
    assert float((exact_mean - twin_mean).abs().mean()) < 0.05 * float(twin_mean.std()) + 0.05
    assert float((exact_index - twin_index.clamp(0, 63)).abs().mean()) < 0.75

    weight = network.scaling.get_parameter("weight")
    before = weight.detach().clone()
    scale_streams(network, 2.0, synthesis=False)
    assert torch.equal(weight, 2.0 * before)
    restore_entropy(codec, integers)
    assert torch.allclose(weight, before, atol=0.02)
    again = export_entropy(codec)
    assert torch.equal(again["network.scaling.weight"], integers["network.scaling.weight"])
