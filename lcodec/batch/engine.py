"""Running a batch: check everything, make what is missing, retry failures once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lcodec.batch.check import Checker, Decision
from lcodec.batch.directions import Action
from lcodec.batch.plan import Job
from lcodec.batch.pool import Executor
from lcodec.batch.report import Outcome, Status
from lcodec.batch.work import SMALL_PIXELS, TOGETHER, Bundle, Failed, Made, Task, in_patches
from lcodec.errors import OutputError

OnOutcome = Callable[[Outcome], None]


def survey(
    jobs: Iterable[Job], check: Checker, on_outcome: OnOutcome, *, dry_run: bool = False
) -> list[Decision]:
    """Check all jobs and return those to make; the others become outcomes at once.

    In a dry run those to make also become outcomes, with status planned.
    """
    todo = []
    for job in jobs:
        decision = check(job)
        if decision.action is Action.MAKE:
            todo.append(decision)
            if dry_run:
                on_outcome(_outcome(decision, Status.PLANNED))
        else:
            on_outcome(_settled(decision))
    return todo


def work(
    todo: Iterable[Decision],
    executor: Executor,
    check: Checker,
    on_outcome: OnOutcome,
    settings: dict[str, Any],
    *,
    together: int = TOGETHER,
) -> None:
    """Make all files; each becomes an outcome as soon as it is finished.

    Up to ``together`` small pictures of equal size form one bundle (see `Bundle`).
    Failures are checked again and retried once at the end: first those that may run in parallel,
    then, one at a time, those that killed their process or ran out of memory.

    Raises:
        LcodecError: what would affect every file, such as damaged weights.
    """
    decisions = {decision.job: decision for decision in todo}
    first: dict[Job, Failed] = {}
    # Bundles that are too large would leave some workers without work.
    together = min(together, max(1, len(decisions) // (4 * executor.jobs)))
    for job, result in _results(bundles(decisions.values(), together), executor):
        if isinstance(result, Made):
            on_outcome(_made(decisions[job], result, settings, attempts=1))
        else:
            first[job] = result
    for alone in (False, True):
        again = {}
        # In the order of the jobs, not of the failures.
        for job in (job for job in decisions if job in first and first[job].alone is alone):
            decision = check(job)
            if decision.action is Action.MAKE:
                again[job] = decision
            else:
                on_outcome(_settled(decision))
        for job, result in _results(bundles(again.values(), 1), executor, alone=alone):
            if isinstance(result, Made):
                on_outcome(_made(again[job], result, settings, attempts=2))
            else:
                on_outcome(
                    _outcome(
                        again[job], Status.FAILED, error=result.error, code=result.code, attempts=2
                    )
                )


def bundles(decisions: Iterable[Decision], together: int) -> Iterator[Bundle]:
    """Tasks for decisions: small pictures of equal size together, others alone.

    Sizes are in patches, the positions of the networks.
    """
    waiting: dict[tuple[int, int], list[Task]] = {}
    for decision in decisions:
        task = Task(decision.job.source, decision.job.output, decision.replace)
        if together == 1 or not 0 < decision.pixels <= SMALL_PIXELS:
            yield (task,)
            continue
        assert decision.width is not None and decision.height is not None
        size = in_patches(decision.width, decision.height)
        same = waiting.setdefault(size, [])
        same.append(task)
        if len(same) == together:
            yield tuple(waiting.pop(size))
    yield from map(tuple, waiting.values())


def _results(
    tasks: Iterable[Bundle], executor: Executor, *, alone: bool = False
) -> Iterator[tuple[Job, Made | Failed]]:
    for task, result in executor.run(tasks, alone=alone):
        if isinstance(result, Failed) and result.fatal is not None:
            raise result.fatal
        yield Job(task.source, task.output), result


def _settled(decision: Decision) -> Outcome:
    if decision.action is Action.SKIP:
        return _outcome(decision, Status.SKIPPED, bytes=decision.bytes)
    return _outcome(
        decision, Status.FAILED, error=decision.reason, code=OutputError.exit_code, reason=None
    )


def _made(decision: Decision, made: Made, settings: dict[str, Any], attempts: int) -> Outcome:
    values = vars(made) | {"settings": settings, "attempts": attempts, "reason": None}
    return _outcome(decision, Status.DONE, **values)


def _outcome(decision: Decision, status: Status, **values: Any) -> Outcome:
    known = {
        "reason": decision.reason if status is Status.PLANNED else None,
        "width": decision.width,
        "height": decision.height,
    }
    return Outcome(decision.job.source, decision.job.output, status, **(known | values))
