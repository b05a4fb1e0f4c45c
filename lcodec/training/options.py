"""Options of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from lcodec.errors import UsageError

BLOCKS = ("analysis4", "analysis8", "analysis16", "synthesis16", "synthesis8", "synthesis4")
"""Numbers of blocks of the transforms at 1/4, 1/8 and 1/16, as in `TransformConfig`."""

STAGES = ("transforms", "entropy", "joint", "decoder")

SET_ONLY = {
    *("warmup", "average", "clip", "momentum", "muon_every"),
    *("coded_rate", "looks", "screens", "gather", "graph"),
}
"""Fields of `TrainOptions` that only ``--set`` and recipes give."""

CropSchedule = tuple[tuple[float, int, int], ...]


@dataclass(frozen=True)
class TrainOptions:
    """Options of a run; see ``docs/training.md`` for the recipe.

    ``data`` is a folder or a pack of pictures. ``crops`` is a schedule of (share of the budget
    from which the entry holds, pictures per step, crop side in pixels).
    With ``fresh`` the entropy model takes only its hyper-synthesis from ``start``; with ``entropy``
    the rest of it comes from the run or released model in that folder.
    Stage ``entropy`` trains on the latents of ``latent_crops`` crops of one size, which are saved
    to the file ``latents``, or read from it if it exists.
    The learning rate warms up, stays constant, and falls linearly to zero over the last share
    ``decay`` of the budget.
    From the share ``quantise_from`` of the budget on, the entropy model rounds as its integers
    will, which takes longer; in stage ``transforms`` it never does.
    ``threads`` are torch's; ``streams`` of them compute parts of each batch in parallel.
    With ``gather`` the device holds all pictures and crops are cut there. ``compile`` compiles the
    whole loss, once for each kind of step; ``compile_blocks`` only the networks' blocks, which
    takes less time. ``graph`` replays steps as CUDA graphs.
    ``portable`` is a folder that receives the averaged weights in small files whenever the run is
    saved.
    Matrices are updated only every ``muon_every`` steps, that many times as far, by the momentum
    of all of these steps.
    For ``coded_rate`` see `lcodec.training.rates`. Without ``looks`` the latents are those of the
    analysis, rounded, and no look moves them.
    ``screens`` is the share of crops taken from generated screens.
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
    gather: bool | None = None
    graph: bool | None = None
    threads: int | None = None
    streams: int = 1
    save_minutes: float = 5.0
    max_steps: int | None = None
    latents: Path | None = None
    latent_crops: int = 2000
    portable: Path | None = None
    resume: bool = False
    clip: float = 1.0
    momentum: float = 0.95
    muon_every: int = 1
    coded_rate: bool = False
    looks: bool = True
    screens: float = 0.0

    def check(self) -> None:
        """Check the values that do not depend on the data.

        Raises:
            UsageError: a value is out of range, or lacks an option that it needs.
        """
        above_zero = ("minutes", "save_minutes", "lr", "decay", "clip")
        for name in above_zero:
            value = getattr(self, name)
            _demand(math.isfinite(value) and value > 0, name, value, "must be above 0")
        for name in ("warmup", "max_steps", "threads", "muon_every"):
            value = getattr(self, name)
            _demand(value is None or value >= 1, name, value, "must be 1 or more")
        _demand(self.latent_crops >= 2, "latent_crops", self.latent_crops, "must be 2 or more")
        _demand(0 <= self.seed < 2**63, "seed", self.seed, "must be 0 or more, and below 2^63")
        _demand(self.stage in STAGES, "stage", self.stage, f"must be one of {', '.join(STAGES)}")
        _demand(self.decay <= 1, "decay", self.decay, "must be at most 1")
        shares = ("quantise_from", "average", "momentum")
        for name in shares:
            value = getattr(self, name)
            _demand(0 <= value < 1, name, value, "must be at least 0 and below 1")
        _demand(0 <= self.screens <= 1, "screens", self.screens, "must be between 0 and 1")
        if self.entropy is not None and (self.start is None or self.fresh):
            raise UsageError("--entropy: needs --start for the transforms, and no --fresh")


def option_name(field: str) -> str:
    """Name of a field of `TrainOptions` in recipes and on the command line."""
    return {"max_steps": "steps"}.get(field, field).replace("_", "-")


def as_given(field: str, value: object) -> str:
    """An option as it is given on the command line, for messages."""
    name, shown = option_name(field), as_shown(value)
    if field in SET_ONLY:
        return f"--set {name}={shown}"
    return f"--{name}" if value is True else f"--{name} {shown}"


def as_shown(value: object) -> str:
    """The value of an option, for messages."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _demand(holds: bool, name: str, value: object, what: str) -> None:
    if not holds:
        raise UsageError(f"{as_given(name, value)}: {what}")


def parse_crops(text: str) -> CropSchedule:
    """Parse "0:12x128,0.35:8x256": (share of the budget, crops per step, side in pixels) each.

    Raises:
        UsageError: the text has another form, the shares do not rise from 0 to below 1, a count
            is below 1, or a side is not a multiple of 64.
    """
    try:
        schedule = tuple(_crop(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--crops {text}: expected SHARE:COUNTxSIDE, comma-separated") from None
    shares = [share for share, _, _ in schedule]
    if shares[0] != 0 or shares != sorted(set(shares)) or not shares[-1] < 1:
        raise UsageError(f"--crops {text}: shares must rise from 0 and stay below 1")
    if any(count < 1 or side < 64 or side % 64 for _, count, side in schedule):
        raise UsageError(f"--crops {text}: counts must be 1 or more, sides multiples of 64")
    return schedule


def _crop(text: str) -> tuple[float, int, int]:
    share, _, rest = text.partition(":")
    count, _, side = rest.partition("x")
    return float(share), int(count), int(side)


def format_crops(schedule: CropSchedule) -> str:
    """Inverse of `parse_crops`."""
    return ",".join(f"{share:g}:{count}x{side}" for share, count, side in schedule)
