"""What every entropy model must hold, whatever its kind. Sizes are in `tests.entropy.tiny`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from lcodec.container import read
from lcodec.entropy.model import IntegerEntropyModel
from lcodec.entropy.network import EntropyNetwork
from lcodec.entropy.registry import ABLATIONS, PRESETS, kinds, make_network, preset
from lcodec.format import ENTROPY_MODELS
from lcodec.integer import profile as P
from lcodec.integer.carriers import exact_products, make_carrier
from lcodec.integer.condition import Condition
from lcodec.integer.twin import TwinKit
from lcodec.library.codec import Codec
from lcodec.training.checkpoint import load_tensors
from lcodec.training.export import write_model
from lcodec.twin.codec import TwinCodec
from lcodec.twin.integers import export_entropy
from lcodec.twin.restore import restore_model
from tests.entropy.tiny import HYPER_LATENT, LATENT, TINY
from tests.tinymodel import picture, tiny_codec

QUALITY = 60
H, W = 8, 12
Predictions = list[tuple[Tensor, Tensor]]

Released = tuple[str, dict[str, Tensor]]


@pytest.fixture(scope="module", params=TINY)
def released(request: pytest.FixtureRequest) -> Released:
    """Name of a tiny model and its integers."""
    kind: str = request.param
    return kind, export_entropy(tiny_codec(kind=kind))


def build(released: Released, carrier: str = "float32", cached: bool = True) -> IntegerEntropyModel:
    kind, integers = released
    model = IntegerEntropyModel(TINY[kind], make_carrier(carrier), cached)
    model.load(integers, torch.device("cpu"))
    return model


def inputs(batch: int = 1, spread: int = 6) -> tuple[Tensor, Tensor]:
    """z (B, hyper, h/4, w/4) and y (B, M, h, w)."""
    generator = torch.Generator().manual_seed(5)
    z = torch.randint(-9, 10, (batch, HYPER_LATENT, H // 4, W // 4), generator=generator)
    y = torch.randint(-spread, spread + 1, (batch, LATENT, H, W), generator=generator)
    return z.int(), y.int()


def predictions(model: IntegerEntropyModel, z: Tensor, y: Tensor) -> Predictions:
    """Mean and scale index of all groups, as they are coded."""
    with exact_products():
        state = model.begin(z, QUALITY)
        out = []
        for group in model.group(y):
            out.append(model.predict(state))
            model.absorb(state, group)
    return out


def same(a: Predictions, b: Predictions) -> bool:
    return all(
        torch.equal(x, y)
        for left, right in zip(a, b, strict=True)
        for x, y in zip(left, right, strict=True)
    )


def twin_inputs(codec: TwinCodec, z: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Condition]:
    """What the twin takes where the integers take z and y."""
    quality = torch.tensor([float(QUALITY)])
    gains = codec.transforms.gains
    deviation = gains(quality) * gains.deviation
    normalised = codec.kit.latent_input(y.float(), deviation)
    return z.float(), normalised, Condition(quality, deviation=deviation)


def test_every_kind_is_released_and_tested() -> None:
    assert {config.kind for config in TINY.values()} == set(kinds())
    assert {config.kind for config in PRESETS.values()} == set(kinds())
    codes = {config.fourcc for config in PRESETS.values()}
    assert len(codes) == len(kinds()) and codes == ENTROPY_MODELS.keys()


def test_ablations_change_one_thing_of_the_base() -> None:
    base = asdict(preset("groupedmixer"))
    for name in ABLATIONS:
        changed = {key for key, value in asdict(preset(name)).items() if value != base[key]}
        assert len(changed) == 1 or (name, changed) == ("groupedmixer-4x4x4", {"rows", "columns"})
        make_network(preset(name), TwinKit())


@pytest.mark.parametrize("kind", TINY)
def test_groups_are_all_latents_once(kind: str) -> None:
    network = tiny_codec(kind=kind).network
    for h, w in ((4, 4), (H, W)):
        y = torch.arange(2 * LATENT * h * w).view(2, LATENT, h, w)
        groups = network.group(y)
        assert sum(group[0].numel() for group in groups) == y[0].numel()
        assert torch.equal(network.ungroup(groups, h, w), y)
        channel = torch.arange(LATENT).view(1, LATENT, 1, 1).expand(1, LATENT, h, w)
        for index, group in enumerate(network.group(channel)):
            own = torch.arange(LATENT)[network.channels(index)]
            assert torch.equal(group[0], own.expand_as(group[0]))


@pytest.mark.parametrize("spread", [6, 3000])
def test_carriers_give_the_integers_of_the_reference(released: Released, spread: int) -> None:
    z, y = inputs(spread=spread)
    reference = predictions(build(released, "int64"), z, y)
    assert len(set(torch.cat([m.flatten() for m, _ in reference]).tolist())) > 50  # they do vary
    for carrier in ("int8", "float32", "float64"):
        assert same(predictions(build(released, carrier), z, y), reference), carrier


def test_cached_equals_uncached(released: Released) -> None:
    z, y = inputs()
    cached = predictions(build(released), z, y)
    assert same(predictions(build(released, cached=False), z, y), cached)


def test_tiles_together_equal_one_by_one(released: Released) -> None:
    z, y = inputs(3)
    model = build(released)
    together = predictions(model, z, y)
    for tile in range(3):
        one = slice(tile, tile + 1)
        alone = predictions(model, z[one], y[one])
        assert same(alone, [(m[one], s[one]) for m, s in together])


def test_predictions_use_earlier_groups_only(released: Released) -> None:
    z, y = inputs()
    model = build(released)
    base = predictions(model, z, y)
    groups = model.group(y)
    count = len(groups)
    for first in sorted({0, 1 % count, count // 2, count - 1}):
        later = [group + 5 * (number >= first) for number, group in enumerate(groups)]
        changed = predictions(model, z, model.ungroup(later, H, W))
        assert same(base[: first + 1], changed[: first + 1])
        one = [group + 5 * (number == first) for number, group in enumerate(groups)]
        changed = predictions(model, z, model.ungroup(one, H, W))
        if first + 1 < count:
            assert not same(base[first + 1 :], changed[first + 1 :])


def test_predictions_depend_on_the_hyper_latent_and_the_quality(released: Released) -> None:
    z, y = inputs()
    model = build(released)
    base = predictions(model, z, y)
    other = z.clone()
    other[..., 0, 0] += 5
    assert not same(predictions(model, other, y)[:1], base[:1])
    with exact_products():
        low = model.predict(model.begin(z, 10))
    assert not same([low], base[:1])


@pytest.mark.parametrize("kind", TINY)
def test_parallel_equals_stepwise(kind: str) -> None:
    codec = tiny_codec(rounding=False, kind=kind)
    with torch.no_grad():
        taken = twin_inputs(codec, *inputs(2))
        parallel = codec.network.parallel(*taken)
        stepwise = EntropyNetwork.parallel(codec.network, *taken)
    for one, other in zip(parallel, stepwise, strict=True):
        assert one.shape == (2, LATENT, H, W)
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)


def test_twin_and_integers_agree(released: Released) -> None:
    """Differences come from values that lie within float rounding of a step boundary."""
    twin = tiny_codec(kind=released[0])
    z, y = inputs()
    with torch.no_grad():
        mean, index = twin.network.parallel(*twin_inputs(twin, z, y))
    model = build(released)
    exact = predictions(model, z, y)
    exact_mean = model.ungroup([m for m, _ in exact], H, W) / P.MEAN_SCALE
    exact_index = model.ungroup([s for _, s in exact], H, W).float()
    spread = float(mean.std())
    assert float((mean - exact_mean).abs().mean()) < 0.03 * spread + 0.05
    assert float((index.clamp(0, 63) - exact_index).abs().mean()) < 0.75


@pytest.mark.parametrize("kind", TINY)
def test_training_reaches_every_weight(kind: str) -> None:
    codec = tiny_codec(kind=kind)
    mean, index = codec.network.parallel(*twin_inputs(codec, *inputs()))
    (mean.square().sum() + index.square().sum()).backward()  # type: ignore[no-untyped-call]
    for name, parameter in codec.network.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", TINY)
def test_exporting_a_restored_model_gives_the_released_integers(kind: str, tmp_path: Path) -> None:
    write_model(tiny_codec(seed=5, kind=kind), tmp_path, "tiny", "shared")
    stored = load_tensors(tmp_path / "tiny" / "entropy.safetensors")
    again = export_entropy(restore_model(tmp_path / "tiny"))
    assert again.keys() == stored.keys()
    for name, tensor in stored.items():
        difference = (again[name].double() - tensor.double()).abs()
        if tensor.dtype == torch.int8:
            assert difference.max() == 0, name
        elif tensor.is_floating_point():
            assert difference.max() <= 1e-6 * tensor.abs().max(), name
        else:
            # Biases and tables per quality come back from rounded rows: one unit at most.
            assert difference.max() <= 1, name


def test_files_of_all_kinds_hold_the_same_latents(
    all_tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LCODEC_MODELS", str(all_tiny_models))
    pixels = picture(70, 100)
    latents, sizes = [], set()
    for kind in TINY:
        codec = Codec(kind, device="cpu", tile_edge=64)
        encoded = codec.encode_detailed(pixels, QUALITY)
        checksums = [tile.checksum for tile in read(encoded.data).tiles]
        assert len(checksums) == 4
        latents.append((codec.decode_symbols(encoded.data).y, checksums))
        sizes.add(len(encoded.data))
    assert len(np.unique(latents[0][0])) > 20
    for y, checksums in latents[1:]:
        assert np.array_equal(y, latents[0][0])
        assert checksums == latents[0][1]
    assert len(sizes) > 1  # it is other models that coded them
