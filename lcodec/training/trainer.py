"""The training loop: time-budgeted, resumable, on CPU or CUDA."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from lcodec.errors import InputError, reason_of
from lcodec.nets.transforms import PATCH
from lcodec.nets.tune import find_tune
from lcodec.process.failures import lacks_memory
from lcodec.process.outputs import make_folder
from lcodec.training import checkpoint
from lcodec.training.compilation import compile_blocks
from lcodec.training.data import CropDataset, Crops, patch_components, training_screens
from lcodec.training.flat import FlatParameters
from lcodec.training.gather import GatheredCrops
from lcodec.training.interrupts import Interrupts
from lcodec.training.latents import LatentCrops, compute_latents, fingerprint
from lcodec.training.log import Log
from lcodec.training.objective import LatentObjective, Losses, Objective, PictureObjective
from lcodec.training.optim import MuonAdam
from lcodec.training.options import TrainOptions
from lcodec.training.pictures import load_pictures
from lcodec.training.recipe import to_recipe
from lcodec.training.requality import on_levels_of
from lcodec.training.runinfo import INFO_FILE, load_info
from lcodec.training.start import load_start
from lcodec.training.step import GraphedStep, Pace, Step
from lcodec.training.streams import Streams
from lcodec.twin.codec import TwinCodec
from lcodec.weights.config import ModelConfig

REPORT_SECONDS = 15.0


class Trainer:
    """Trains a model until its budget is used up.

    Attributes:
        steps, elapsed: progress of the run, in steps and seconds.
        skipped: non-finite steps, which changed nothing, up to the last report.
        saved: steps of the checkpoint in the run folder.
        loss: mean loss of the last report; None before the first.
    """

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
        if self.device.type == "cuda":
            # What stays float32 needs to: SSIMULACRA2's variances, the embedding's 12 bits.
            torch.backends.cudnn.allow_tf32 = False
            torch.backends.cudnn.benchmark = True  # crops have few sizes
        self.model = TwinCodec(config, rounding=False)
        self._data: Crops | None = None
        self.steps = 0
        self.skipped = 0
        self.saved = 0
        self.elapsed = 0.0
        self.loss: float | None = None
        resumed = options.resume and (options.run / INFO_FILE).is_file()
        self._id = load_info(options.run).get("id") if resumed else uuid.uuid4().hex
        if options.portable is not None:
            checkpoint.check_portable(options.portable, options.run, self._id)
        if resumed:
            with self._resuming():
                self.model.load_state_dict(checkpoint.load_kind(options.run, "weights"))
        else:
            self._load_start()
        self._prepare()
        if resumed:
            with self._resuming():
                self._restore()

    def _pictures(self) -> Crops:
        o = self.options
        if self._data is None and o.gather:
            pictures = load_pictures(o.data)
            screens = training_screens(pictures, o.seed) if o.screens else []
            self._data = GatheredCrops(pictures, self.device, screens, o.screens)
        elif self._data is None:
            self._data = CropDataset(o.data, o.seed, screens=o.screens)
        return self._data

    def _objective(self) -> Objective:
        o = self.options
        if self._draws:
            return PictureObjective(self.model, self._pictures(), self.device, o)
        path = o.latents or o.run / "latents.safetensors"
        side = max(entry[2] for entry in o.crops)
        if path.is_file():
            crops = LatentCrops.load(path)
            if side > crops.side:
                raise InputError(f"{path}: crops of {crops.side} pixels, {side} needed")
            if not torch.equal(crops.origin, fingerprint(self.model)):
                raise InputError(f"{path}: holds latents of other transforms")
        else:
            crops = compute_latents(self.model, self._pictures(), o.latent_crops, side, self.device)
            crops.save(path)
        return LatentObjective(self.model, crops.to(self.device), self.device)

    def _load_start(self) -> None:
        o = self.options
        if o.start is not None:
            fresh = load_start(self.model, o.start, self._pictures, o.fresh, o.entropy)
            if fresh:
                self.report({"event": "fresh", "tensors": fresh})
        else:
            config = self.model.config.transforms
            components, deviation = patch_components(self._pictures(), config.latent, PATCH)
            self.model.transforms.start_from_components(components, deviation)
            # New tables are on the levels of the tune psnr.
            own, start = self.model.config.factors, find_tune("psnr")
            moved = on_levels_of(self.model, self.model.state_dict(), start, own)
            self.model.load_state_dict(moved)

    def _prepare(self) -> None:
        o = self.options
        if o.stage == "entropy":
            for module in (self.model.transforms, self.model.prior):
                module.requires_grad_(False)
        elif o.stage == "decoder":
            transforms = self.model.transforms
            for part in (transforms.analysis, transforms.gains.log_gain):
                part.requires_grad_(False)
        self.model.to(self.device)
        self.model.transforms.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.streams = Streams(o.streams)
        trained = [(n, p) for n, p in self.model.named_parameters() if p.requires_grad]
        self.flat = FlatParameters(trained)
        self.optimiser = MuonAdam(self.flat, o.momentum, streams=self.streams)
        self.objective = self._objective()
        self.forward: Callable[..., Losses] = self.objective.losses
        if o.compile:
            # One compilation per crop size: dynamic shapes give slower code.
            self.forward = torch.compile(self.objective.losses, dynamic=False)
        elif o.compile_blocks:
            compile_blocks(self.model)
        self._step = Step(
            lambda *batch: self.forward(*batch), self.flat, self.optimiser, self.streams, o.clip
        )
        self._graphed = GraphedStep(self._step) if o.graph else None
        self._pace = Pace(self.device)
        # Tensors that are not trained keep their values.
        self.average = {k: v.detach().float().clone() for k, v in self.model.state_dict().items()}
        self.average |= self.flat.views(self._step.average)

    @contextmanager
    def _resuming(self) -> Iterator[None]:
        """Raise InputError where files of the run do not fit the run."""
        try:
            yield
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            if lacks_memory(error):
                raise
            raise InputError(f"{self.options.run}: is damaged: {reason_of(error, 200)}") from error

    def _restore(self) -> None:
        """Restore the complete state from the run folder, as if the run had never stopped."""
        run = self.options.run
        info = load_info(run)
        if "random" not in info:
            raise InputError(f"{run}: is from an older version and cannot be resumed")
        known = info["random"]["pictures"]
        own = list(self._pictures().identity) if self._draws else None
        if own is not None and len(known) == 2:  # older runs have no digest
            own = own[:2]
        if known != own:
            raise InputError(f"{self.options.data}: not the pictures that the run began with")
        self.steps, self.elapsed = int(info["steps"]), float(info["elapsed"])
        self.skipped, self.saved = int(info["skipped"]), self.steps
        self.optimiser.load(checkpoint.load_kind(run, "optimiser"))
        average = checkpoint.load_kind(run, "average")
        for name, value in self.average.items():
            value.copy_(average[name])
        if self._draws:
            self._pictures().restore(info["random"]["crops"])
        states = checkpoint.load_kind(run, "random")
        torch.set_rng_state(states["cpu"])
        if self.device.type == "cuda" and "cuda" in states:
            torch.cuda.set_rng_state(states["cuda"], self.device)

    @property
    def _draws(self) -> bool:
        """Whether every step draws from the pictures."""
        return self.options.stage != "entropy"

    def progress(self) -> float:
        """Share of the budget used so far, 0..1."""
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

    def step(self) -> None:
        """One optimiser step; a step whose loss or gradient is not finite changes nothing.

        It does not wait for the device: the figures are in the next report.
        """
        quantises, (count, side) = self._quantises(), self._schedule()
        every = self.options.muon_every
        due = every if (self.steps + 1) % every == 0 else 0
        self.model.kit.rounding.enabled = quantises
        self._step.matrices = due
        self.model.train()
        self.optimiser.rate.fill_(self._rate())
        keep = min(self.options.average, (1 + self.steps) / (10 + self.steps))
        self._step.forget.fill_(1.0 - keep)
        batch = self.objective.draw(count, side)
        if self._graphed is None:
            self._step(batch)
        else:
            self._graphed((quantises, count, side), due, batch)
        self.steps += 1
        self._pace.step()

    def validate(self) -> float | None:
        """Bits per pixel of the averaged weights on held-out crops (stage ``entropy``).

        Always with rounding, whether training uses it yet or not: that is what would be released.
        """
        self.model.kit.rounding.enabled = True
        current = self.flat.values.clone()
        self.flat.values.copy_(self._step.average)
        value = self.objective.validate()
        self.flat.values.copy_(current)
        return value

    def save(self) -> None:
        """Write the run folder, and the portable one if there is one.

        Raises:
            OutputError: a file cannot be written.
        """
        o = self.options
        info = {
            "id": self._id,
            "steps": self.steps,
            "elapsed": self.elapsed,
            "skipped": self.skipped,
            "options": {**to_recipe(o), "threads": torch.get_num_threads()},
            "config": self.model.config.to_dict(),
            "random": {
                "pictures": list(self._pictures().identity) if self._draws else None,
                "crops": self._pictures().state() if self._draws else {},
            },
        }
        kinds: dict[str, dict[str, Tensor]] = {
            "weights": dict(self.model.state_dict()),
            "average": self.average,
            "optimiser": self.optimiser.state(),
            "random": {"cpu": torch.get_rng_state()},
        }
        if self.device.type == "cuda":
            kinds["random"]["cuda"] = torch.cuda.get_rng_state(self.device)
        if o.portable is not None:
            checkpoint.save_portable(o.portable, self.average, info)
        checkpoint.save_run(o.run, kinds, info)
        self.saved = self.steps

    def run(self) -> None:
        """Train until the budget is used, saving every few minutes and at the end.

        An interrupt waits for the end of the step and is raised once the run is saved.

        Raises:
            OutputError: a file cannot be written.
        """
        o = self.options
        make_folder(o.run)
        last_save = last_report = clock = time.monotonic()
        with Log(o.run / "log.ndjson") as log, Interrupts() as interrupts, _no_denormals():
            while self.progress() < 1.0:
                self.step()
                now = time.monotonic()
                self.elapsed += now - clock
                clock = now
                stops = interrupts.noted is not None
                if now - last_report >= REPORT_SECONDS or self.progress() >= 1.0 or stops:
                    self._report(log)
                    last_report = now
                if stops:
                    self.save()
                    return
                if now - last_save >= 60.0 * o.save_minutes:
                    self._checkpoint(log)
                    last_save = now
            self._checkpoint(log)

    def _report(self, log: Log) -> None:
        figures, skipped = self._step.read()
        if skipped:
            self.skipped += skipped
            self.report({"event": "skipped", "step": self.steps, "count": skipped})
        self.loss = figures.get("loss", self.loss)
        entry = {"step": self.steps, "minutes": round(self.elapsed / 60, 2)}
        entry |= {name: round(value, 4) for name, value in figures.items()}
        self._tell(log, {**entry, "lr": round(self._rate(), 7)})

    def _checkpoint(self, log: Log) -> None:
        self.save()
        rate = self.validate() if self.options.stage == "entropy" else None
        if rate is not None:
            entry = {"event": "validation", "step": self.steps, "bpp": round(rate, 5)}
            self._tell(log, entry)

    def _tell(self, log: Log, entry: dict[str, Any]) -> None:
        log.write(entry)
        self.report(entry)


@contextmanager
def _no_denormals() -> Iterator[None]:
    """Treat denormals as 0 in this thread: denormal moments would slow every step down."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)  # other code may rely on them
