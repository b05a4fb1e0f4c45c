"""The training loop: time-budgeted, resumable, on CPU or CUDA."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

import torch

from lcodec.errors import InputError
from lcodec.nets.transforms import PATCH
from lcodec.nets.tune import find_tune
from lcodec.training import checkpoint
from lcodec.training.data import CropDataset, patch_components
from lcodec.training.latents import LatentCrops, compute_latents, fingerprint
from lcodec.training.objective import LatentObjective, Losses, Objective, PictureObjective
from lcodec.training.optim import MuonAdam
from lcodec.training.requality import on_levels_of
from lcodec.training.start import load_start
from lcodec.training.streams import Streams
from lcodec.twin.codec import TwinCodec
from lcodec.weights.config import ModelConfig

STAGES = ("transforms", "entropy", "joint")


@dataclass(frozen=True)
class TrainOptions:
    """What a run does; see ``docs/training.md`` for the recipe.

    ``crops`` is a schedule of (from this share of the budget, pictures per step, crop side).
    With ``fresh`` the entropy model takes nothing but its hyper-synthesis from ``start``; with
    ``entropy`` the rest of it comes from the run or released model in that folder.
    Stage ``entropy`` works on the latents of ``latent_crops`` crops of one side, which are kept in
    the file ``latents``, or taken from it if it is there.
    The rate warms up, stays, and falls linearly to zero over the last ``decay`` of the budget.
    From the share ``quantise_from`` of the budget on, the entropy model rounds as its integers
    will, which takes longer; in stage ``transforms`` it never does.
    ``streams`` threads compute parts of each batch, with torch's own number of threads each.
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
    crops: tuple[tuple[float, int, int], ...] = ((0.0, 8, 128), (0.2, 8, 256))
    average: float = 0.998
    seed: int = 1
    device: str = "cpu"
    compile: bool = False
    streams: int = 1
    save_minutes: float = 5.0
    max_steps: int | None = None
    latents: Path | None = None
    latent_crops: int = 2000
    resume: bool = False
    clip: float = 1.0


class Trainer:
    """Holds a model, its optimiser and data, and runs until its time is used up."""

    def __init__(
        self,
        options: TrainOptions,
        config: ModelConfig,
        report: Callable[[dict[str, Any]], None] = lambda entry: None,
    ) -> None:
        self.options = options
        self.report = report
        torch.manual_seed(options.seed)
        self.device = torch.device(options.device)
        self.model = TwinCodec(config, rounding=False)
        self._data: CropDataset | None = None
        self.steps = 0
        self.skipped = 0
        self.elapsed = 0.0
        self._load_start()
        self._prepare()

    def _pictures(self) -> CropDataset:
        if self._data is None:
            self._data = CropDataset(self.options.data, self.options.seed)
        return self._data

    def _objective(self) -> Objective:
        o = self.options
        if o.stage != "entropy":
            return PictureObjective(self.model, self._pictures(), self.device)
        path = o.latents or o.run / "latents.safetensors"
        side = max(entry[2] for entry in o.crops)
        if path.is_file():
            crops = LatentCrops.load(path)
            if side > crops.side:
                raise InputError(f"{path}: latents of {crops.side} pixels, {side} are asked for")
            if not torch.equal(crops.origin, fingerprint(self.model.transforms)):
                raise InputError(f"{path}: latents of other transforms")
        else:
            crops = compute_latents(
                self.model.transforms, self._pictures(), o.latent_crops, side, self.device
            )
            crops.save(path)
        return LatentObjective(self.model, crops, self.device)

    def _load_start(self) -> None:
        o = self.options
        if o.resume and (o.run / "run.json").is_file():
            checkpoint.load_weights(self.model, o.run / "weights.safetensors")
            info = checkpoint.load_info(o.run)
            self.steps, self.elapsed = info["steps"], info["elapsed"]
        elif o.start is not None:
            fresh = load_start(self.model, o.start, self._pictures, o.fresh, o.entropy)
            if fresh:
                self.report({"event": "fresh", "tensors": fresh})
        else:
            config = self.model.config.transforms
            components, deviation = patch_components(self._pictures(), config.latent, PATCH)
            self.model.transforms.start_from_components(components, deviation)
            # The tables begin on the levels of squared error.
            own, start = find_tune(self.model.config.tune), find_tune("psnr")
            moved = on_levels_of(self.model, self.model.state_dict(), start, own)
            self.model.load_state_dict(moved)

    def _prepare(self) -> None:
        o = self.options
        if o.stage == "entropy":
            for module in (self.model.transforms, self.model.prior):
                module.requires_grad_(False)
        self.model.to(self.device)
        self.model.transforms.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.streams = Streams(o.streams)
        self.trained = {n: p for n, p in self.model.named_parameters() if p.requires_grad}
        self.optimiser = MuonAdam(self.model.named_parameters(), o.lr, streams=self.streams)
        if o.resume:
            checkpoint.load_optimiser(self.model, self.optimiser, o.run / "optimiser.safetensors")
            for group in self.optimiser.param_groups:
                group["steps"] = self.steps
        self.average = {k: v.detach().float().clone() for k, v in self.model.state_dict().items()}
        if o.resume and (o.run / "average.safetensors").is_file():
            stored = checkpoint.load_tensors(o.run / "average.safetensors")
            self.average = {k: v.to(self.device) for k, v in stored.items()}
        self.objective = self._objective()
        self.forward: Callable[..., Losses] = self.objective.losses
        if o.compile:
            # One compilation per crop size: dynamic shapes give slower code.
            self.forward = torch.compile(self.objective.losses, dynamic=False)

    def progress(self) -> float:
        """Share of the budget that is used, 0..1."""
        o = self.options
        share = self.elapsed / (60.0 * o.minutes)
        if o.max_steps:
            share = self.steps / o.max_steps
        return min(1.0, share)

    def _rate(self) -> float:
        o = self.options
        warm = min(1.0, (self.steps + 1) / o.warmup)
        return o.lr * warm * max(0.0, min(1.0, (1.0 - self.progress()) / o.decay))

    def _schedule(self) -> tuple[int, int]:
        current = [entry for entry in self.options.crops if entry[0] <= self.progress()][-1]
        return current[1], current[2]

    def _quantises(self) -> bool:
        o = self.options
        return o.stage != "transforms" and self.progress() >= o.quantise_from

    def step(self) -> dict[str, float]:
        """One optimiser step; a step whose loss or gradient is not finite changes nothing."""
        self.model.kit.rounding.enabled = self._quantises()
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        batch = self.objective.draw(*self._schedule())
        self.model.train()
        out = self.streams.gradients(self.forward, batch, list(self.trained.values()))
        loss = out.loss
        norm = torch.nn.utils.clip_grad_norm_(self.trained.values(), self.options.clip)
        if math.isfinite(float(loss)) and math.isfinite(float(norm)):
            self.optimiser.step()
            self._update_average()
        else:
            self.skipped += 1
            self.report({"event": "skipped", "step": self.steps, "loss": float(loss)})
        self.steps += 1
        return {
            "loss": float(loss),
            "norm": float(norm),
            "bpp_y": float(out.bpp_y.mean()),
            "bpp_z": float(out.bpp_z.mean()),
            "psnr": float(-10.0 * out.error.clamp(min=1e-10).log10().mean()),
            "distance": float(out.distance.mean()),
        }

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.options.average, (1 + self.steps) / (10 + self.steps))
        for name, parameter in self.trained.items():
            self.average[name].lerp_(parameter.float(), 1.0 - keep)

    def validate(self) -> float | None:
        """Bits per pixel of the averaged weights on crops kept apart (stage ``entropy``).

        With rounding, whether training has come to it or not: it is what would be released.
        """
        self.model.kit.rounding.enabled = True
        current = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.model.load_state_dict(self.average)
        value = self.objective.validate()
        self.model.load_state_dict(current)
        return value

    def save(self) -> None:
        """Write the run folder."""
        options = {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self.options).items()}
        info = {
            "steps": self.steps,
            "elapsed": self.elapsed,
            "skipped": self.skipped,
            "options": options,
            "config": self.model.config.to_dict(),
        }
        checkpoint.save_run(self.options.run, self.model, self.average, self.optimiser, info)

    def run(self) -> None:
        """Train until the budget is used, saving every few minutes and at the end."""
        o = self.options
        o.run.mkdir(parents=True, exist_ok=True)
        torch.set_flush_denormal(True)  # denormal moments would slow every step down
        last_save = last_report = clock = time.monotonic()
        sums: dict[str, float] = {}
        counted = 0
        with (o.run / "log.ndjson").open("a") as log:
            while self.progress() < 1.0:
                values = self.step()
                now = time.monotonic()
                self.elapsed += now - clock
                clock = now
                if math.isfinite(values["loss"]):
                    counted += 1
                    sums = {k: sums.get(k, 0.0) + v for k, v in values.items()}
                if now - last_report >= 15.0 or self.progress() >= 1.0:
                    means = {k: round(v / max(1, counted), 4) for k, v in sums.items()}
                    entry = {"step": self.steps, "minutes": round(self.elapsed / 60, 2), **means}
                    entry["lr"] = round(self._rate(), 7)
                    log.write(json.dumps(entry) + "\n")
                    log.flush()
                    self.report(entry)
                    last_report, sums, counted = now, {}, 0
                if now - last_save >= 60.0 * o.save_minutes:
                    self._checkpoint(log)
                    last_save = now
            self._checkpoint(log)

    def _checkpoint(self, log: TextIO) -> None:
        self.save()
        rate = self.validate() if self.options.stage == "entropy" else None
        if rate is not None:
            entry = {"event": "validation", "step": self.steps, "bpp": round(rate, 5)}
            log.write(json.dumps(entry) + "\n")
            log.flush()
            self.report(entry)
