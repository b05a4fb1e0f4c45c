"""Small entropy models of every kind and variant, for tests. A new kind adds its own here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lcodec.entropy.checkerboard import CheckerboardConfig
from lcodec.entropy.econtextformer import EContextformerConfig
from lcodec.entropy.groupedmixer import GroupedMixerConfig
from lcodec.entropy.hyperprior import HyperpriorConfig
from lcodec.entropy.memplusplus import MemPlusPlusConfig
from lcodec.entropy.network import EntropyConfig
from lcodec.entropy.serial import SerialConfig

LATENT = 32
HYPER_LATENT = 8
COMMON: dict[str, Any] = {
    "latent": LATENT,
    "hyper_latent": HYPER_LATENT,
    "hyper_width": 16,
    "anchors": 3,
}

GROUPEDMIXER = GroupedMixerConfig(**COMMON, slices=2, width=32, depth=2, heads=2, window=4)

_KINDS: dict[str, EntropyConfig] = {
    config.kind: config
    for config in (
        GROUPEDMIXER,
        EContextformerConfig(**COMMON, segments=2, width=32, depth=2, heads=2, window=4),
        CheckerboardConfig(**COMMON, width=24, depth=2, expansion=2),
        SerialConfig(**COMMON, width=24, depth=2, expansion=2),
        HyperpriorConfig(**COMMON, width=24, depth=2, expansion=2),
        MemPlusPlusConfig(
            **COMMON, slices=4, width=32, depth=1, expansion=2, code=8, hidden=16, head_width=8
        ),
    )
}

# By name; that of a kind is its own.
TINY: dict[str, EntropyConfig] = {
    **_KINDS,
    "groupedmixer-inner": replace(GROUPEDMIXER, mixers="inner"),
    "groupedmixer-cross": replace(GROUPEDMIXER, mixers="cross"),
    "groupedmixer-channels-first": replace(GROUPEDMIXER, slices=4, rows=1, channels_first=True),
    "groupedmixer-uneven": replace(GROUPEDMIXER, slices=3, slice_channels=(4, 8, 20)),
}
