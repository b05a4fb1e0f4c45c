"""From a command line to the plan, the check and the executor of a batch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from lcodec.batch.check import Check, Decision
from lcodec.batch.engines import Engine
from lcodec.batch.listing import Listing
from lcodec.batch.location import Location, parse_location
from lcodec.batch.manifest import Manifest
from lcodec.batch.options import DecodeOptions, EncodeOptions, Options
from lcodec.batch.plan import Plan, is_folder, parse_list, plan_list, plan_several, plan_tree
from lcodec.batch.pool import Executor, InProcess, Processes
from lcodec.batch.resources import cores, default_jobs, worker_bytes
from lcodec.batch.shards import names_shards, plan_shards
from lcodec.batch.url import State, Url
from lcodec.batch.work import Recipe
from lcodec.errors import InputError, UsageError
from lcodec.process.outputs import make_folder
from lcodec.process.startup import use_threads
from lcodec.suffixes import LIC, READ_SUFFIXES
from lcodec.weights import require_model, stated_id

LIST = "-"


@dataclass(frozen=True)
class Setup:
    """A batch as described by the user.

    Attributes:
        sources: folders, files, or paths or URLs of shards; or "-" alone for a list.
        destination: a folder, or shards.
        options: of the codec.
        engine: "local" for processes on this machine, "ray" for a cluster.
        jobs: number of workers, None for as many as there is room and work for.
        threads: of each worker on this machine, None to choose automatically.
        address: of the Ray cluster, None as in `lcodec.batch.raypool.Actors`.
        cpus, gpus: of each actor; ``gpus`` None means 1 with the device "cuda", else none.
    """

    sources: tuple[str, ...]
    destination: str
    options: Options
    engine: Engine = Engine.LOCAL
    jobs: int | None = None
    threads: int | None = None
    address: str | None = None
    cpus: float = 1
    gpus: float | None = None

    @property
    def are_shards(self) -> bool:
        """Whether the batch works on shards."""
        return any(map(names_shards, self.sources))

    @property
    def is_tree(self) -> bool:
        """Whether the source is a single folder, whose tree is mirrored."""
        if len(self.sources) > 1 or self.are_shards or self.sources[0] == LIST:
            return False
        return is_folder(parse_location(self.sources[0]), self._inputs)

    @property
    def _inputs(self) -> Collection[str]:
        return {LIC} if isinstance(self.options, DecodeOptions) else READ_SUFFIXES

    def check(self) -> None:
        """Check the settings.

        Raises:
            UsageError: incompatible settings.
        """
        ends = [*map(parse_location, self.sources), parse_location(self.destination)]
        if self.options.preserve and isinstance(ends[-1], Url):
            raise UsageError(
                "`--preserve` is for files on this machine; a store sets its own times"
            )
        several = self.engine is Engine.RAY or (self.jobs or 1) > 1
        for end in ends:
            if isinstance(end, Url) and end.is_of_this_process and several:
                raise UsageError(f"{end}: exists only in this process; use `--jobs 1`")
        if self.are_shards and not all(map(names_shards, self.sources)):
            raise UsageError("shards and other sources cannot be mixed; run a batch for each")
        if names_shards(self.destination) and not self.are_shards:
            raise UsageError(f"{self.destination}: shards can only be made from shards")
        if self.engine is Engine.RAY and self.threads is not None:
            raise UsageError("`--threads` is for this machine; Ray has `--actor-cpus`")
        ray_only = self.address is not None or self.gpus is not None or self.cpus != 1
        if self.engine is Engine.LOCAL and ray_only:
            raise UsageError("`--address`, `--actor-cpus` and `--actor-gpus` need `--engine ray`")

    def plan(self, listed: bytes = b"", *, null: bool = False, base: str | None = None) -> Plan:
        """The outputs to make; ``listed`` is the content of a list of files.

        Raises:
            InputError, OutputError, UsageError: as in `lcodec.batch.plan`.
        """
        destination = parse_location(self.destination)
        output = self.options.suffix if isinstance(self.options, DecodeOptions) else LIC
        root = None if base is None else parse_location(base)
        if self.sources == (LIST,):
            return plan_list(parse_list(listed, null=null), destination, base=root, output=output)
        sources = [parse_location(source) for source in self.sources]
        if root is not None and (self.are_shards or self.is_tree):
            raise UsageError("`--base` is for files; a folder SRC has its own tree mirrored")
        if self.are_shards:
            return plan_shards(self.sources, self.destination)
        inputs = self._inputs
        if self.is_tree:
            return plan_tree(sources[0], destination, inputs=inputs, output=output)
        return plan_several(sources, destination, inputs=inputs, base=root, output=output)

    def checker(self, plan: Plan, *, force: bool, manifest: Manifest | None) -> Check:
        """The check for the jobs of the plan; a destination that is a URL is listed for it.

        Raises:
            WeightsError: the model to encode with is missing.
            InputError: the destination cannot be listed.
        """
        direction = None
        if self.are_shards:
            from lcodec.batch.shardcheck import ShardCheck

            direction = ShardCheck(self.options)
        destination = parse_location(self.destination)
        outputs = None
        if isinstance(destination, Url) and not names_shards(self.destination):
            outputs = _outputs(destination)
        return Check(
            self.options,
            force=force,
            manifest=manifest,
            listing=Listing(plan.states, outputs),
            direction=direction,
            jobs=plan.jobs,
        )

    def prepare(self) -> None:
        """Create the folder to write to: one that cannot be created fails once, not for each file.

        Raises:
            OutputError: it cannot be created.
        """
        destination = parse_location(self.destination)
        elsewhere = names_shards(self.destination) or self.engine is Engine.RAY
        if isinstance(destination, Path) and not elsewhere:
            make_folder(destination)

    def executor(self, todo: list[Decision]) -> Executor:
        """The executor for the work; a single local worker is this process itself."""
        effort = self.options.effort if isinstance(self.options, EncodeOptions) else 0
        pixels = [decision.expected_pixels for decision in todo]
        if self.engine is Engine.RAY:
            return self._actors(len(todo), worker_bytes(max(pixels), effort=effort))
        room = default_jobs(pixels, effort=effort, threads=self.threads or 1)
        count = min(self.jobs or room, len(todo))
        if self.jobs is None and count > 1 and self.options.device != "cpu":
            from lcodec.weights.load import choose_device

            if choose_device(self.options.device).type == "cuda":
                count = 1  # several would share the GPU and its memory
        if any(_is_of_this_process(decision) for decision in todo):
            count = 1
        recipe = self._recipe(self.options)
        if count > 1:
            return Processes(recipe, count, self.threads or max(1, cores() // count))
        if self.threads is not None:
            use_threads(self.threads)
        return InProcess(recipe)

    def _actors(self, most: int, memory: int) -> Executor:
        from lcodec.batch.actor import Claim
        from lcodec.batch.raypool import Actors

        gpus = self.gpus
        if gpus is None:
            gpus = 1 if self.options.device == "cuda" else 0
        options = self.options
        if isinstance(options, EncodeOptions) and "@" not in options.model:
            # A node may have different weights under that name.
            model_id = stated_id(require_model(options.model))
            options = replace(options, model=f"{options.model}@{model_id}")
        claim = Claim(self.cpus, gpus, memory)
        return Actors(self._recipe(options), claim, most=most, jobs=self.jobs, address=self.address)

    def _recipe(self, options: Options) -> Recipe:
        # Looked up now, so that tests can replace them.
        from lcodec.batch import shardwork, workers

        return shardwork.ShardRecipe(options) if self.are_shards else workers.CodecRecipe(options)


def _outputs(destination: Url) -> dict[Url, State]:
    try:
        return {destination / path: state for path, state in destination.find().items()}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise InputError(f"{destination}: cannot be listed: {error.strerror or error}") from error


def _is_of_this_process(decision: Decision) -> bool:
    ends: tuple[Location, ...] = (decision.job.source, decision.job.output)
    return any(isinstance(end, Url) and end.is_of_this_process for end in ends)
