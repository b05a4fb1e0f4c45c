"""Numbers in docs/FORMAT.md that are those of the program, and ids of the released weights."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file

from lcodec.entropy.registry import make_config
from lcodec.limits import DecoderLimits, longest_alpha, longest_tile
from lcodec.nets.transforms import TransformConfig
from lcodec.weights.catalogue import read_catalogue
from tests.conformance.pure_decoder import model_id
from tests.conftest import ROOT
from tests.container.samples import make_header

PAGE = (ROOT / "docs" / "FORMAT.md").read_text("utf-8")
MODELS = ROOT / "models"


def section(title: str) -> str:
    """The text below a heading, up to the next one."""
    return re.split(r"\n#+ ", PAGE.partition(f"# {title}\n")[2])[0]


def stated_defaults(title: str) -> dict[str, str]:
    """The last column of the first table in a section, by key."""
    found: dict[str, str] = {}
    for keys, default in re.findall(r"^\| (`[^|]*) \|.*\| ([^|]+) \|$", section(title), re.M):
        names, values = re.findall(r"`(\w+)`", keys), default.split(", ")
        found |= dict(zip(names, values if len(names) > 1 else [default], strict=True))
    return found


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("GroupedMixer", "groupedmixer"),
        ("eContextformer", "econtextformer"),
        ("MEM++", "memplusplus"),
        ("Models without attention", "hyperprior"),
        ("Models without attention", "checkerboard"),
        ("Models without attention", "serial"),
    ],
)
def test_defaults_of_sizes(title: str, kind: str) -> None:
    sizes: dict[str, Any] = make_config(kind, {}).to_dict()
    shown = {name: str(value).lower() for name, value in sizes.items() if name != "anchors"}
    stated = stated_defaults("Sizes") | stated_defaults(title)
    if kind == "groupedmixer":
        assert stated.pop("slice_channels") == "all `M / K`"
    assert {name: value.strip("`") for name, value in stated.items()} == shown


def test_defaults_of_the_transforms() -> None:
    stated = stated_defaults("Sizes of the transforms")
    sizes = vars(TransformConfig())
    assert stated == {name: str(sizes[name]).lower() for name in stated}
    assert set(sizes) - set(stated) == {
        *("analysis4", "analysis8", "analysis16", "hyper_width", "anchors")
    }


def test_limits() -> None:
    rows = dict(
        re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", section("What a reader must check"), re.M)
    )
    limits, header = DecoderLimits(), make_header()
    powers = {"pixels": limits.pixels, "latent positions with padding": limits.positions}
    powers |= {"tiles": limits.tiles}
    assert {name: rows[name] for name in powers} == {
        name: f"2^{value.bit_length() - 1}" for name, value in powers.items()
    }
    assert (limits.sections, limits.metadata) == (1024, 1 << 26)
    assert rows["ancillary sections; bytes in them"] == "1024; 2^26"
    assert rows["bytes that a PACKED section unpacks to"].startswith("2^24,")
    assert (limits.unpacked, limits.memory, limits.work) == (1 << 24, 6 << 30, 10**14)
    assert rows["memory beyond the networks; operations"].startswith("6 GiB; 10^14,")
    positions = -(-header.width // 64) * -(-header.height // 64) * 16
    assert longest_tile(header) == 8192 * positions + 1024
    assert rows["bytes of a TILE or MIXED section"].startswith("8192 ")
    samples = header.pixels * header.bit_depth // 8
    assert longest_alpha(header) == samples + samples // 16 + 1024
    assert rows["bytes of an ALPHA section"].startswith("17/16 ")


def test_ids_of_the_released_models() -> None:
    """Those that folders keep for older files, too."""
    found = set()
    for path in sorted(MODELS.glob("*/config.json")):
        config = json.loads(path.read_text("utf-8"))
        if "kind" in config:
            found |= ids_in(path.parent, config)
    assert found <= {one.model_id for one in read_catalogue()}
    assert len(found) >= 10


def ids_in(folder: Path, config: dict[str, Any]) -> set[str]:
    """The ids of all models in a folder, by its configuration."""
    shared = folder.parent / config["transforms"]
    everything = config | json.loads((shared / "config.json").read_text("utf-8"))
    transforms = load_file(shared / "transforms.safetensors")
    found = model_id(everything, transforms, load_file(folder / "entropy.safetensors")).hex()
    assert found == config["model_id"]
    for own, kept in config.get("earlier", {}).items():
        tensors = load_file(folder / f"entropy-{own}.safetensors")
        assert model_id(everything | kept, transforms, tensors).hex() == own
    return {found, *config.get("earlier", {})}
