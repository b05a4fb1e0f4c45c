"""The smoke test of an installed lcodec: it codes a picture, without this repository.

    python smoke.py

Standard library only, so that any Python can run it; it runs the `lcodec` installed for that
Python.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, HEIGHT = 160, 112


def lcodec(*arguments: str | Path) -> str:
    """The output of a command; the test ends if the command fails."""
    command = [sys.executable, "-I", "-m", "lcodec", *map(str, arguments)]
    print("$ lcodec", *arguments, flush=True)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"exit status {done.returncode}")
    return done.stdout


def write_picture(path: Path) -> bytes:
    """A smooth colour picture as PPM; returns its samples."""
    samples = bytes(
        round(128 + 90 * math.sin(x / (9 + 4 * channel) + y / 17 + channel))
        for y in range(HEIGHT)
        for x in range(WIDTH)
        for channel in range(3)
    )
    path.write_bytes(b"P6 %d %d 255\n" % (WIDTH, HEIGHT) + samples)
    return samples


def main() -> None:
    """Encode, inspect, decode, and compare with the picture."""
    lcodec("--version")
    lcodec("weights", "verify")
    lcodec("weights", "list", "--released")
    models = [json.loads(line) for line in lcodec("weights", "list", "--json").splitlines()]
    names = [m["model"] for m in models if "entropy.safetensors" in m["files"]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = write_picture(folder / "in.ppm")
        for model in names:
            lcodec("encode", folder / "in.ppm", folder / "a.lic", "-f", "--model", model, "--quiet")
            record = json.loads(lcodec("inspect", "--json", folder / "a.lic"))
            if not (record["weights"]["at_hand"] and record["weights"]["generation"]):
                raise SystemExit(f"{model}: not in the catalogue")
            lcodec("decode", folder / "a.lic", folder / "out.ppm", "-f", "--quiet")
            decoded = (folder / "out.ppm").read_bytes()[-len(samples) :]
            error = sum((a - b) ** 2 for a, b in zip(samples, decoded, strict=True)) / len(samples)
            psnr = 10 * math.log10(255**2 / max(error, 1e-9))
            print(f"{model}: {record['total_bytes']} bytes, {psnr:.1f} dB")
            if psnr < 30:
                raise SystemExit("that is not the picture")
    print("ok")


if __name__ == "__main__":
    main()
