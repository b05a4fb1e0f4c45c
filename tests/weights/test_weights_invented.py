"""Any configuration or lock is understood, or refused by our own errors."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lcodec.errors import LcodecError, WeightsError
from lcodec.weights import stored
from lcodec.weights.config import ModelConfig
from lcodec.weights.lock import parse_lock

SOME = settings(
    derandomize=True,
    database=None,
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


text = st.text("aZ0 .=[]\"'\n\0\u20ac", max_size=20)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


KEYS = ("profile", "transforms", "model_id", "kind", "entropy", "mixer", "tune", "scale")


@SOME
@given(st.dictionaries(st.sampled_from(KEYS), values))
def test_any_configuration_is_understood_or_refused(config: dict[str, Any]) -> None:
    with suppress(LcodecError):
        ModelConfig.from_dict(config)
    own = {"transforms": {}, "kind": "groupedmixer", "entropy": {}}
    for key, value in config.items():
        with suppress(LcodecError):
            ModelConfig.from_dict({**own, key: value})
        with suppress(LcodecError):
            ModelConfig.from_dict({**own, "entropy": {"width": value}})


@SOME
@given(st.binary(max_size=60) | values.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_a_ValueError(data: bytes) -> None:
    with suppress(ValueError):
        assert isinstance(stored.parse_object(data), dict)


def toml(value: Any) -> str:
    """A value as TOML has it, near enough."""
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key)} = {toml(one)}" for key, one in value.items())
        return f"{{{inside}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(toml, value))}]"
    return json.dumps(value)


entries = st.dictionaries(
    st.sampled_from(["model", "path", "size", "sha256", "more"]),
    values | st.sampled_from(["a", "models/a/x", "0" * 64, 3]),
)


@SOME
@given(text | st.lists(entries, max_size=3).map(lambda e: f"file = {toml(e)}"))
def test_any_text_is_a_lock_or_a_WeightsError(text: str) -> None:
    with suppress(WeightsError):
        parse_lock(text)
