"""The training loop: time-budgeted, resumable, on CPU or CUDA."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lcodec.modelconfig import ModelConfig
from lcodec.nets.quality import QUALITY_MAX, quality_lambdas
from lcodec.nets.transforms import PATCH
from lcodec.training import checkpoint
from lcodec.training.data import CropDataset, patch_components
from lcodec.training.model import TrainingCodec
from lcodec.training.optim import MuonAdam
from lcodec.training.restore import load_start

STAGES = ("transforms", "entropy", "joint")


@dataclass(frozen=True)
class TrainOptions:
    """What a run does; see ``docs/training.md`` for the recipe.

    ``crops`` is a schedule of (from this share of the budget, pictures per step, crop side).
    The rate warms up, stays, and falls linearly to zero over the last ``decay`` of the budget.
    """

    data: Path
    run: Path
    stage: str = "transforms"
    minutes: float = 60.0
    start: Path | None = None
    lr: float = 2.5e-3
    decay: float = 0.7
    warmup: int = 100
    crops: tuple[tuple[float, int, int], ...] = ((0.0, 8, 128), (0.2, 8, 256))
    average: float = 0.998
    seed: int = 1
    device: str = "cpu"
    compile: bool = False
    save_minutes: float = 5.0
    max_steps: int | None = None
    resume: bool = False
    clip: float = 1.0


def sample_loss(bits: Tensor, pixels_per_sample: int, error: Tensor | None, lam: Tensor) -> Tensor:
    """Mean over samples of ``(bpp + lambda * 255^2 * MSE) / sqrt(lambda)``."""
    cost = bits / pixels_per_sample
    if error is not None:
        cost = cost + lam * 255.0**2 * error
    return (cost / lam.sqrt()).mean()


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
        self.data = CropDataset(options.data, options.seed)
        # Quantisation in the loop costs time; the transforms do not need it.
        self.model = TrainingCodec(config, rounding=options.stage != "transforms")
        self.steps = 0
        self.skipped = 0
        self.elapsed = 0.0
        self._load_start()
        self._prepare()

    def _load_start(self) -> None:
        o = self.options
        if o.resume and (o.run / "run.json").is_file():
            checkpoint.load_weights(self.model, o.run / "weights.safetensors")
            info = checkpoint.load_info(o.run)
            self.steps, self.elapsed = info["steps"], info["elapsed"]
        elif o.start is not None:
            fresh = load_start(self.model, o.start)
            if fresh:
                self.report({"event": "fresh", "tensors": fresh})
        else:
            config = self.model.config.transforms
            components, deviation = patch_components(self.data, config.latent, PATCH)
            self.model.transforms.start_from_components(components, deviation)

    def _prepare(self) -> None:
        o = self.options
        if o.stage == "entropy":
            for module in (self.model.transforms, self.model.prior):
                module.requires_grad_(False)
        self.model.to(self.device)
        self.model.transforms.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = MuonAdam(self.model.named_parameters(), o.lr)
        if o.resume:
            checkpoint.load_optimiser(self.model, self.optimiser, o.run / "optimiser.safetensors")
            for group in self.optimiser.param_groups:
                group["steps"] = self.steps
        self.average = {k: v.detach().float().clone() for k, v in self.model.state_dict().items()}
        if o.resume and (o.run / "average.safetensors").is_file():
            stored = checkpoint.load_tensors(o.run / "average.safetensors")
            self.average = {k: v.to(self.device) for k, v in stored.items()}
        self.forward: Callable[..., Any] = self._losses
        if o.compile:
            # One compilation per crop size: dynamic shapes give slower code.
            self.forward = torch.compile(self._losses, dynamic=False)

    def _losses(self, pixels: Tensor, quality: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        entropy_only = self.options.stage == "entropy"
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            if entropy_only:
                with torch.no_grad():
                    y, z = self.model.latents(pixels, quality)
                out = self.model.code(y, z, quality, reconstruct=False)
            else:
                out = self.model(pixels, quality)
        area = pixels.shape[2] * pixels.shape[3]
        error = None if out.pixels is None else (out.pixels - pixels).square().flatten(1).mean(1)
        loss = sample_loss(out.bits_y + out.bits_z, area, error, quality_lambdas(quality))
        shown = torch.zeros_like(quality) if error is None else error.detach()
        return loss, out.bits_y.detach() / area, out.bits_z.detach() / area, shown

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

    def step(self) -> dict[str, float]:
        """One optimiser step; a step whose loss or gradient is not finite changes nothing."""
        for group in self.optimiser.param_groups:
            group["lr"] = self._rate()
        count, size = self._schedule()
        pixels = self.data.batch(count, size).to(self.device, non_blocking=True).float() / 255.0
        pixels = pixels.contiguous(memory_format=torch.channels_last)
        # Spread over the range, one picture per stratum, so that no batch is all of one quality.
        strata = (torch.arange(count) + torch.rand(count)) / count
        quality = (strata[torch.randperm(count)] * QUALITY_MAX).to(self.device)
        self.model.train()
        total, bpp_y, bpp_z, error = self.forward(pixels, quality)
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        loss = total.detach()
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
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
            "bpp_y": float(bpp_y.mean()),
            "bpp_z": float(bpp_z.mean()),
            "psnr": float(-10.0 * error.clamp(min=1e-10).log10().mean()),
        }

    @torch.no_grad()
    def _update_average(self) -> None:
        keep = min(self.options.average, (1 + self.steps) / (10 + self.steps))
        for name, value in self.model.state_dict().items():
            self.average[name].lerp_(value.float(), 1.0 - keep)

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
                    self.save()
                    last_save = now
        self.save()
