"""The cost of integers in the parse path: bits of the float twin against bits of the integers.

    python tools/integer_cost.py RUN PICTURES... [--quality 5,50,95]

Both code the same latents. The float twin is the network of RUN without any quantisation; the
integers are those of its export.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import torch

from lcodec.library.codec import Codec
from lcodec.picture import Picture, load
from lcodec.pipeline.areas import tile_areas
from lcodec.training.export import export_run, load_run
from lcodec.twin.codec import TwinCodec


def float_bits(model: TwinCodec, codec: Codec, path: Path, quality: int) -> float:
    """Bits of all tiles of one picture according to the unquantised network."""
    pixels = load(path).pixels
    y = torch.from_numpy(codec._pixels.analyse(pixels, quality))
    level = torch.tensor([float(quality)])
    total = 0.0
    with torch.no_grad():
        for area in tile_areas(codec._header_of(Picture(pixels))(quality)):
            extent = area.extent
            tile = y[None, :, area.rows, area.columns]
            below, right = extent.padded_h - extent.h, extent.padded_w - extent.w
            padded = torch.nn.functional.pad(tile, (0, right, 0, below))
            z = codec.loaded.transforms.hyper_analysis(padded)
            estimate = model.code(padded, z, level, reconstruct=False)
            total += float(estimate.bits_y + estimate.bits_z)
    return total


def main() -> None:
    """Print bits by quality, and the total difference."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--quality", default="5,50,95")
    arguments = parser.parse_args()
    model = load_run(arguments.run)
    model.kit.rounding.enabled = False
    with tempfile.TemporaryDirectory() as folder:
        os.environ["LCODEC_MODELS"] = str(Path(folder) / "models")
        export_run(arguments.run, Path(folder) / "models", "groupedmixer")
        codec = Codec(device="cpu")
    for quality in (int(q) for q in arguments.quality.split(",")):
        floats = integers = 0.0
        for path in arguments.pictures:
            floats += float_bits(model, codec, path, quality)
            encoded = codec.encode_detailed(load(path).pixels, quality)
            integers += encoded.estimated_bits_y + encoded.estimated_bits_z
        cost = 100 * (integers / floats - 1)
        print(f"q {quality}: float {floats:.0f} bits, integers {integers:.0f}, {cost:+.2f} %")


if __name__ == "__main__":
    main()
