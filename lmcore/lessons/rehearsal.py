"""The rehearsal of a lesson: every action is carried out without the app, timed, and every expectation measured.

A page begins without a run, as in the app when a link with settings opens it. A run trains as on the page; where a
lesson says `until_loss`, it pauses at the first snapshot whose train loss is below.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from lmcore import families
from lmcore.data import corpora
from lmcore.errors import UserError
from lmcore.families import AnyRunConfig
from lmcore.generation.reader import WindowReader
from lmcore.generation.sampling import SampleConfig, sample_in_turn
from lmcore.lessons import metrics, places
from lmcore.lessons.lesson import Do, Expect, Go, Lesson, Step
from lmcore.lessons.lesson_page import TEXT
from lmcore.lessons.metrics import Evidence
from lmcore.models.ngram import CountConfig, NGram
from lmcore.runs.run import Run, Status
from lmcore.runs.worker import advance, untrained_snapshot
from lmcore.training.checkpoint import decode_state
from lmcore.training.history import Snapshot
from lmcore.training.trainer import Trainer

SLICE = 0.5  # seconds of training between two looks at the loss
QUICK_STEPS = 200  # of a run in a shortened rehearsal


# ---------------------------------------------------------------- records


@dataclass(frozen=True)
class Check:
    """An expectation, and what was measured."""

    expect: Expect
    measured: float | None
    skipped: str = ""  # why it was not measured

    @property
    def holds(self) -> bool:
        """Whether the measured value is what was expected; also if it was left out of a shortened rehearsal."""
        return bool(self.skipped) or (self.measured is not None and self.expect.holds(self.measured))

    def __str__(self) -> str:
        """One line: the verdict, the expectation and the measured value."""
        expect = self.expect
        tolerance = f" ± {expect.tolerance:g}" if expect.tolerance else ""
        when = "" if expect.by_step is None else f" by step {expect.by_step:,}"
        wanted = f"{expect.metric}{when} {expect.comparison} {expect.value:g}{tolerance}"
        if self.skipped:
            return f"skipped  {wanted}: {self.skipped}"
        measured = "nothing to measure" if self.measured is None else f"{self.measured:.6g}"
        return f"{'holds' if self.holds else 'FAILS':8} {wanted}: {measured}"


@dataclass(frozen=True)
class RehearsedStep:
    """What a step took and showed."""

    title: str
    minutes: float  # planned
    seconds: float  # wall time of the actions
    step: int  # training steps that the run of the page has taken
    samples: tuple[str, ...]  # that its actions drew
    checks: tuple[Check, ...]
    problem: str = ""  # why an action failed


@dataclass(frozen=True)
class Rehearsal:
    """One pass through a lesson."""

    lesson: Lesson
    seed: int
    shortened: bool
    steps: tuple[RehearsedStep, ...]

    @property
    def failures(self) -> list[str]:
        """A line for each action that failed and each expectation that does not hold."""
        problems = [f"{step.title}: {step.problem}" for step in self.steps if step.problem]
        return problems + [f"{step.title}: {check}" for step in self.steps for check in step.checks if not check.holds]


@dataclass(frozen=True)
class Planned:
    """A line of the minute plan."""

    title: str
    start: float  # minutes after the beginning of the lesson
    minutes: float  # planned
    median: float  # seconds that the machine took
    slowest: float  # seconds


def minute_plan(rehearsals: Sequence[Rehearsal]) -> list[Planned]:
    """When each step begins, and how long the machine takes for it.

    Args:
        rehearsals: of one lesson, at least one.
    """
    plan, start = [], 0.0
    for passes in zip(*(rehearsal.steps for rehearsal in rehearsals), strict=True):
        seconds = [step.seconds for step in passes]
        plan.append(Planned(passes[0].title, start, passes[0].minutes, median(seconds), max(seconds)))
        start += passes[0].minutes
    return plan


# ---------------------------------------------------------------- the pass


def rehearse(lesson: Lesson, seed: int | None = None, max_steps: int | None = None) -> Rehearsal:
    """Carry out a lesson.

    Args:
        lesson: to rehearse.
        seed: of its runs; the lesson's own if None.
        max_steps: of each run; expectations that a run then does not reach are skipped, and say so.

    Raises:
        UserError: if the text is not on this computer.
    """
    lesson = lesson if seed is None else lesson.updated(seed=seed)
    stage = _Stage(lesson, max_steps)
    return Rehearsal(lesson, lesson.seed, max_steps is not None, tuple(map(stage.play, lesson.steps)))


class _Stage:
    """The page that is open, and its run."""

    def __init__(self, lesson: Lesson, max_steps: int | None) -> None:
        self.lesson, self.max_steps = lesson, max_steps
        self.go: Go | None = None
        self.run: Run | None = None
        self.shown: int | None = None  # step of the snapshot that was rewound to
        self.wanted = 0.0  # step that the run would have reached if it had not been shortened
        self.corpus = corpora.load(corpora.CorpusConfig(source=lesson.data))

    def play(self, step: Step) -> RehearsedStep:
        """Carries out a step."""
        began, samples, problem = time.perf_counter(), [], ""
        try:
            if step.go is not None:
                self._open(step.go)
            for do in step.do:
                samples += self._do(do)
        except UserError as error:
            problem = str(error)
        seconds = time.perf_counter() - began
        checks = () if problem else tuple(map(self._check, step.expect))
        reached = self.run.step if self.run else 0
        return RehearsedStep(step.title, step.minutes, seconds, reached, tuple(samples), checks, problem)

    def _open(self, go: Go) -> None:
        settings = places.settings(self.lesson, go)
        text = {"source": self.lesson.data} | {name: settings[name] for name in TEXT if name in settings}
        self.go, self.run, self.shown, self.wanted = go, None, None, 0
        self.corpus = corpora.load(corpora.CorpusConfig.parse(text))

    # ------------------------------------------------------------ actions

    def _do(self, do: Do) -> list[str]:
        match do.action:
            case "start":
                self._start(do)
            case "step":
                self._train(self._begun().step + 1)
            case "rewind":
                self._rewind(do.until_step or 0)
            case "reset":
                self.run, self.shown, self.wanted = None, None, 0
            case "fork":
                self._fork(do)
            case "sample":
                return self._sample()
        return []

    def _begun(self) -> Run:
        """The run of the page; a new one if there is none."""
        if self.run is None:
            assert self.go is not None
            config = places.run_config(self.lesson, self.go)
            assert config is not None
            self.run = Run(config)
        return self.run

    def _start(self, do: Do) -> None:
        run = self._begun()
        until = run.current.train.steps if do.until_step is None else do.until_step
        if until > run.current.train.steps:
            raise UserError(f"The run ends at step {run.current.train.steps:,}, before step {until:,}. Set steps.")
        if until <= run.step:
            raise UserError(f"The run cannot start: it is at step {run.step:,} already.")
        self._train(until, do.until_loss)

    def _train(self, until: int, below: float | None = None) -> None:
        """Trains the run to a step, or until the train loss of a snapshot is below a value."""
        run, self.shown = self._begun(), None
        self.wanted = until if below is None else math.inf
        until = until if self.max_steps is None else min(until, max(run.step, self.max_steps))
        run.status, run.pause_at, run.pause_below = Status.RUNNING, until, below
        while run.status == Status.RUNNING and run.step < until:
            run.fold(*advance(*run.next_slice(), SLICE, run.next_stop))
        if run.status == Status.FAILED or (run.status == Status.FINISHED and run.step < until):
            raise UserError(run.message)
        if below is not None and run.snapshots[-1].loss("train") < below:
            self.wanted = run.step
        elif below is not None and self.max_steps is None:
            raise UserError(f"The train loss is not below {below:g} at step {run.step:,}, where the run ends.")

    def _rewind(self, step: int) -> None:
        run = self._begun()
        steps = [snapshot.step for snapshot in run.snapshots]
        if step not in steps and self.max_steps is None:
            raise UserError(f"The run has no snapshot at step {step:,}, only at {', '.join(map(str, steps))}.")
        self.shown = step if step in steps else None

    def _fork(self, do: Do) -> None:
        """Replaces the run by a fork from the snapshot that is shown."""
        self.run = self._begun().fork(self.shown)
        self.run.change(do.set)
        self.shown, self.wanted = None, self.run.step

    def _sample(self) -> list[str]:
        assert self.go is not None
        config = SampleConfig(count=10, seed=self.lesson.seed)
        if not places.find(self.go.page).family:
            settings = places.settings(self.lesson, self.go)
            model = NGram(self.corpus, CountConfig(smoothing=settings["smoothing"], counted=settings["counted"]))
            return sample_in_turn(WindowReader(model, 1), self.corpus, config)
        return _trainer_at(self._begun(), self.shown).sample(config)

    # ------------------------------------------------------------ expectations

    def _check(self, expect: Expect) -> Check:
        assert self.go is not None
        if expect.metric in metrics.OF_SNAPSHOTS and (reason := self._unreached(expect)):
            return Check(expect, None, reason)
        evidence = Evidence(self.corpus, places.settings(self.lesson, self.go), *self._model())
        return Check(expect, metrics.measure(expect.metric, evidence, expect.by_step))

    def _model(self) -> tuple[AnyRunConfig | None, list[Snapshot]]:
        """The config and the snapshots of the run, or of the untrained model before there is one."""
        if self.run is not None and self.run.snapshots:
            return self.run.current, self.run.snapshots
        assert self.go is not None
        config = places.run_config(self.lesson, self.go)
        return config, [] if config is None else [untrained_snapshot(config.model_dump_json())]

    def _unreached(self, expect: Expect) -> str:
        """Why a shortened run cannot show it; empty if it can."""
        wanted = self.wanted if expect.by_step is None else expect.by_step
        step = self.run.step if self.run else 0
        return f"the run was shortened to {step:,} steps" if self.max_steps and wanted > step else ""


def _trainer_at(run: Run, step: int | None) -> Trainer:
    """The trainer of a run with the weights of a snapshot, or as it was left."""
    if step is not None:
        snapshot = next(snapshot for snapshot in run.snapshots if snapshot.step == step)
        trainer: Trainer = families.load_trainer(run.current, snapshot)
        return trainer
    trainer = families.make_trainer(run.current)
    if run.state:
        trainer.load_state_dict(decode_state(run.state))
    return trainer
