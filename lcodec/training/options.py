"""What a run of training does."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

STAGES = ("transforms", "entropy", "joint")

CropSchedule = tuple[tuple[float, int, int], ...]


@dataclass(frozen=True)
class TrainOptions:
    """What a run does; see ``docs/training.md`` for the recipe.

    ``data`` is a folder or a pack of pictures. ``crops`` is a schedule of (from this share of the
    budget, pictures per step, crop side).
    With ``fresh`` the entropy model takes nothing but its hyper-synthesis from ``start``; with
    ``entropy`` the rest of it comes from the run or released model in that folder.
    Stage ``entropy`` works on the latents of ``latent_crops`` crops of one side, which are kept in
    the file ``latents``, or taken from it if it is there.
    The rate warms up, stays, and falls linearly to zero over the last ``decay`` of the budget.
    From the share ``quantise_from`` of the budget on, the entropy model rounds as its integers
    will, which takes longer; in stage ``transforms`` it never does.
    ``streams`` threads compute parts of each batch, with torch's own number of threads each.
    With ``gather`` all pictures lie on the device and crops are cut there. ``compile`` compiles
    the whole loss, for each kind of step; ``compile_blocks`` what networks are made of, which is
    over sooner. ``graph`` plays steps back as CUDA graphs.
    ``portable`` is a folder that gets the averaged weights in small files whenever the run is
    saved.
    """

    data: Path
    run: Path
    stage: str = "transforms"
    minutes: float = 60.0
    start: Path | None = None
    fresh: bool = False
    entropy: Path | None = None
    lr: float = 2.5e-3
    decay: float = 0.7
    quantise_from: float = 0.0
    warmup: int = 100
    crops: CropSchedule = ((0.0, 8, 128), (0.2, 8, 256))
    average: float = 0.998
    seed: int = 1
    device: str = "cpu"
    compile: bool = False
    compile_blocks: bool = False
    gather: bool = False
    graph: bool = False
    streams: int = 1
    save_minutes: float = 5.0
    max_steps: int | None = None
    latents: Path | None = None
    latent_crops: int = 2000
    portable: Path | None = None
    resume: bool = False
    clip: float = 1.0
