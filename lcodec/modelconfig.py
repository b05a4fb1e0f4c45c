"""The configuration stored beside a model's weights."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.errors import WeightsError
from lcodec.nets.transforms import TransformConfig


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of all networks."""

    transforms: TransformConfig = field(default_factory=TransformConfig)
    mixer: GroupedMixerConfig = field(default_factory=GroupedMixerConfig)

    def __post_init__(self) -> None:
        """Raises ValueError if the parts do not fit together."""
        own = (self.mixer.latent, self.mixer.hyper_latent)
        if own != (self.transforms.latent, self.transforms.hyper_latent):
            raise ValueError("transforms and entropy model differ in latent or hyper_latent")

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ModelConfig:
        """Inverse of `to_dict`.

        Raises:
            WeightsError: unknown or missing entries.
        """
        try:
            return cls(TransformConfig(**data["transforms"]), GroupedMixerConfig(**data["mixer"]))
        except (KeyError, TypeError, ValueError) as error:
            raise WeightsError(f"model configuration not understood: {error}") from error
