"""All entropy models: networks by kind, and the released sizes by name."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from lcodec.entropy.checkerboard import Checkerboard, CheckerboardConfig
from lcodec.entropy.econtextformer import EContextformer, EContextformerConfig
from lcodec.entropy.groupedmixer import GroupedMixer, GroupedMixerConfig
from lcodec.entropy.hyperprior import Hyperprior, HyperpriorConfig
from lcodec.entropy.memplusplus import MemPlusPlus, MemPlusPlusConfig
from lcodec.entropy.network import EntropyConfig, EntropyNetwork
from lcodec.entropy.serial import Serial, SerialConfig
from lcodec.errors import UsageError, WeightsError, reason_of
from lcodec.integer.kit import Kit

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_KINDS: dict[str, tuple[type[EntropyConfig], type[EntropyNetwork[Any]]]] = {
    config.kind: (config, network)
    for config, network in (
        (GroupedMixerConfig, GroupedMixer),
        (CheckerboardConfig, Checkerboard),
        (SerialConfig, Serial),
        (HyperpriorConfig, Hyperprior),
        (EContextformerConfig, EContextformer),
        (MemPlusPlusConfig, MemPlusPlus),
    )
}

# Fast and Large are Base with half and twice as many groups. Large can start from Base's weights;
# a wider model could not, and two processor cores do not train it in days.
PRESETS: dict[str, EntropyConfig] = {
    "groupedmixer": GroupedMixerConfig(),
    "groupedmixer-fast": GroupedMixerConfig(slices=2),
    "groupedmixer-large": GroupedMixerConfig(slices=8),
    "checkerboard": CheckerboardConfig(),
    "serial": SerialConfig(),
    "hyperprior": HyperpriorConfig(),
    "econtextformer": EContextformerConfig(),
    "memplusplus": MemPlusPlusConfig(),
}

# GroupedMixer with one thing changed, to measure what it is worth. Not released.
ABLATIONS: dict[str, EntropyConfig] = {
    "groupedmixer-1x2x2": GroupedMixerConfig(slices=1),
    "groupedmixer-4x1x2": GroupedMixerConfig(rows=1),
    "groupedmixer-4x4x4": GroupedMixerConfig(rows=4, columns=4),
    "groupedmixer-inner": GroupedMixerConfig(mixers="inner"),
    "groupedmixer-cross": GroupedMixerConfig(mixers="cross"),
    "groupedmixer-channels-first": GroupedMixerConfig(channels_first=True),
}


def kinds() -> tuple[str, ...]:
    """All kinds of entropy models."""
    return tuple(_KINDS)


def preset(name: str) -> EntropyConfig:
    """Sizes of the entropy model called ``name``, released or an ablation.

    Raises:
        UsageError: there is none.
    """
    known = PRESETS | ABLATIONS
    if name not in known:
        raise UsageError(f"no entropy model `{name}`; there are: {', '.join(known)}")
    return known[name]


def make_network(config: EntropyConfig, kit: Kit) -> EntropyNetwork[Any]:
    """The network of a configuration over a kit."""
    return _KINDS[config.kind][1](config, kit)


def make_config(kind: str, sizes: dict[str, Any]) -> EntropyConfig:
    """A configuration from its stored form.

    Raises:
        WeightsError: the kind is unknown to this version, or the sizes are not its own.
    """
    if not isinstance(kind, str) or kind not in _KINDS:
        raise WeightsError(f"unknown kind of entropy model: {str(kind)[:40]}")
    try:
        return _KINDS[kind][0](**checked_sizes(_KINDS[kind][0], sizes))
    except (TypeError, ValueError, ArithmeticError) as error:
        reason = reason_of(error, 200)
        raise WeightsError(f"configuration of {kind} not understood: {reason}") from error


_MOST = 64  # times the default, for any size, or the size itself where that is 0


def checked_sizes(config: type[DataclassInstance], sizes: Any) -> dict[str, Any]:
    """Values for a configuration, which have the types of its defaults and sane magnitudes.

    Raises:
        ValueError: a value does not.
    """
    if not isinstance(sizes, dict):
        raise ValueError("the sizes are not an object")
    defaults: dict[str, Any] = {field.name: field.default for field in fields(config)}
    checked: dict[str, Any] = {}
    for name, value in sizes.items():
        default = defaults.get(name)
        if default is None:
            raise ValueError(f"there is no size {name[:40]!r}")
        if isinstance(default, tuple):
            checked[name] = _numbers(name, value)
            continue
        if type(value) is not type(default):
            raise ValueError(f"{name} is not of type {type(default).__name__}")
        if type(default) is int and not 0 <= value <= _MOST * max(1, default):
            raise ValueError(f"{name} is out of range")
        checked[name] = value
    return checked


def _numbers(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or any(type(number) is not int for number in value):
        raise ValueError(f"{name} is not a list of whole numbers")
    return tuple(value)
