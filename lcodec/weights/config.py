"""The configuration stored beside a model's weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.entropy.network import EntropyConfig
from lcodec.entropy.registry import make_config
from lcodec.errors import UsageError, WeightsError
from lcodec.nets.transforms import TransformConfig
from lcodec.nets.tune import find_tune

UNTOLD_TUNE = "psnr"


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of all networks, and what they are trained for.

    ``tune`` names a tune of `lcodec.nets.tune`. The first models were of tune psnr and did not say
    so; their ids depend on it.
    """

    transforms: TransformConfig = field(default_factory=TransformConfig)
    entropy: EntropyConfig = field(default_factory=GroupedMixerConfig)
    tune: str = UNTOLD_TUNE

    def __post_init__(self) -> None:
        """Raises ValueError if the parts do not fit together."""
        own = (self.entropy.latent, self.entropy.hyper_latent)
        if own != (self.transforms.latent, self.transforms.hyper_latent):
            raise ValueError("transforms and entropy model differ in latent or hyper_latent")
        find_tune(self.tune)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        told = {} if self.tune == UNTOLD_TUNE else {"tune": self.tune}
        return {
            "transforms": asdict(self.transforms),
            "kind": self.entropy.kind,
            "entropy": asdict(self.entropy),
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
            return cls(TransformConfig(**data["transforms"]), entropy, tune)
        except (KeyError, TypeError, ValueError, UsageError) as error:
            raise WeightsError(f"model configuration not understood: {error}") from error
