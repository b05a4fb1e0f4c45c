"""The configuration stored beside a model's weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.entropy.network import EntropyConfig
from lcodec.entropy.registry import checked_sizes, make_config
from lcodec.errors import UsageError, WeightsError, reason_of
from lcodec.format import QUALITY_MAX
from lcodec.nets.transforms import TransformConfig
from lcodec.nets.tune import Reach, Tune, find_tune
from lcodec.weights.info import UNTOLD_TUNE


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of all networks, and what they are trained for.

    Attributes:
        transforms, entropy: sizes; they have the same latents.
        tune: name of a tune of `lcodec.nets.tune`. The first models, of tune psnr, do not state
            it, and their ids depend on that.
        scale: where each quality level 0..100 of a file lies among the qualities that the networks
            were trained with, also 0..100; empty if both are the same.
        reach: where those qualities lie, see `lcodec.nets.tune`; None for the reach of the tune's
            first models.
    """

    transforms: TransformConfig = field(default_factory=TransformConfig)
    entropy: EntropyConfig = field(default_factory=GroupedMixerConfig)
    tune: str = UNTOLD_TUNE
    scale: tuple[float, ...] = ()
    reach: Reach | None = None

    def __post_init__(self) -> None:
        """Raises ValueError if the parts do not fit together."""
        own = (self.entropy.latent, self.entropy.hyper_latent)
        if own != (self.transforms.latent, self.transforms.hyper_latent):
            raise ValueError("transforms and entropy model differ in latent or hyper_latent")
        if self.reach is not None and not -10 <= self.reach[0] < self.reach[1] <= 10:
            raise ValueError("the reach of the qualities must rise, within -10..10")
        if not isinstance(self.tune, str):
            raise ValueError("the tune is not a name")
        find_tune(self.tune, self.reach)
        rising = all(low < high for low, high in pairwise(self.scale))
        if self.scale and not (len(self.scale) == QUALITY_MAX + 1 and rising):
            raise ValueError("the scale must have a rising number for each level")
        if self.scale and not 0 <= self.scale[0] <= self.scale[-1] <= QUALITY_MAX:
            raise ValueError("the scale must stay within 0..100")

    @property
    def factors(self) -> Tune:
        """The factors of the loss that the networks are trained with."""
        return find_tune(self.tune, self.reach)

    def trained_quality(self, level: float) -> float:
        """Where a quality level of a file lies among the qualities the networks know."""
        if not self.scale:
            return float(level)
        lower = min(int(level), QUALITY_MAX - 1)
        low, high = self.scale[lower : lower + 2]
        return low + (level - lower) * (high - low)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        told: dict[str, Any] = {} if self.tune == UNTOLD_TUNE else {"tune": self.tune}
        if self.scale:
            told["scale"] = list(self.scale)
        if self.reach is not None:
            told["reach"] = list(self.reach)
        return {
            "transforms": self.transforms.to_dict(),
            "kind": self.entropy.kind,
            "entropy": self.entropy.to_dict(),
            **told,
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelConfig:
        """Inverse of `to_dict`.

        Raises:
            WeightsError: unknown or missing entries.
        """
        try:
            entropy = make_config(data["kind"], data["entropy"])
            tune = data.get("tune", UNTOLD_TUNE)
            scale = tuple(float(value) for value in data.get("scale", ()))
            reach = data.get("reach")
            if reach is not None:
                low, high = reach
                reach = float(low), float(high)
            transforms = TransformConfig(**checked_sizes(TransformConfig, data["transforms"]))
            return cls(transforms, entropy, tune, scale, reach)
        except (KeyError, TypeError, ValueError, OverflowError, UsageError) as error:
            reason = reason_of(error, 200)
            raise WeightsError(f"model configuration not understood: {reason}") from error
