"""A lesson: steps with prose for the class, what the app does at each of them, and what the class is asked."""

from typing import Annotated, Literal, Self

from pydantic import model_validator

from lmcore.config import Config, Field

Name = Annotated[str, Field(max_length=80)]
Sentence = Annotated[str, Field(min_length=1, max_length=500)]
Setting = bool | int | float | Name | list[Name]


class Go(Config):
    """A page to open, with settings."""

    page: Name = Field(description="Path of the page in addresses, such as mlp.")
    set: dict[Name, Setting] = Field({}, description="Values of settings by name, as in `--set`; others are defaults.")


class Do(Config):
    """What happens to the run of the page."""

    action: Literal["start", "pause", "step", "rewind", "reset", "fork", "sample"] = Field(
        description="start also resumes; rewind shows an earlier snapshot; sample draws new texts."
    )
    until_step: int | None = Field(None, ge=0, description="start: pause there. rewind: the step to show.")
    until_loss: float | None = Field(None, gt=0, description="start: pause once the train loss is below, in nats.")
    set: dict[Name, Setting] = Field({}, description="fork: training settings that differ from those of the run.")

    @model_validator(mode="after")
    def _fits_the_action(self) -> Self:
        if self.until_step is not None and self.until_loss is not None:
            raise ValueError("give until_step or until_loss, not both")
        if self.until_step is not None and self.action not in ("start", "rewind"):
            raise ValueError("until_step belongs to start and rewind")
        if self.until_loss is not None and self.action != "start":
            raise ValueError("until_loss belongs to start")
        if self.action == "rewind" and self.until_step is None:
            raise ValueError("rewind needs until_step")
        if self.set and self.action != "fork":
            raise ValueError("set belongs to fork")
        return self


class Ask(Config):
    """A question to the class."""

    kind: Literal["choice", "number", "guess", "curve"] = Field(
        description="choice: one of the options. number: checked against answer. guess: free text, not checked. "
        "curve: the class draws where the loss will go before it is shown."
    )
    question: Sentence
    options: tuple[Sentence, ...] = Field((), max_length=8, description="choice: what to choose from.")
    answer: int | float | None = Field(None, description="choice: number of the right option, from 1. number: value.")
    tolerance: float = Field(0.0, ge=0, description="number: largest difference from the answer that counts as right.")
    unit: Name = Field("", description="number: what is counted or measured.")
    steps: int = Field(1000, ge=1, description="curve: where the horizontal axis ends, in training steps.")
    from_step: int = Field(
        0,
        ge=0,
        description="curve: where the horizontal axis begins, if the run before is continued. What it has reached is "
        "shown, and the class draws on.",
    )
    because: Annotated[str, Field(max_length=1000)] = Field("", description="Said after the answer.")

    @model_validator(mode="after")
    def _answer_is_possible(self) -> Self:
        if self.kind == "choice":
            if len(self.options) < 2:
                raise ValueError("a choice needs at least two options")
            if self.answer is not None and self.answer not in range(1, len(self.options) + 1):
                raise ValueError(f"answer is the number of an option, from 1 to {len(self.options)}")
        elif self.options:
            raise ValueError("only a choice has options")
        if self.kind == "number" and self.answer is None:
            raise ValueError("a number needs an answer")
        if self.from_step >= self.steps:
            raise ValueError("from_step must be smaller than steps")
        return self

    def is_right(self, given: str | float) -> bool | None:
        """Whether an answer is right; None if this question has no right answer.

        Args:
            given: number of the option from 1, or the number.
        """
        if self.answer is None or self.kind not in ("choice", "number"):
            return None
        return abs(float(given) - self.answer) <= self.tolerance


class Expect(Config):
    """What a rehearsal must measure after the actions of the step."""

    metric: Name = Field(description="train, dev, test: losses in nats. Others: see docs/LESSONS.md.")
    comparison: Literal["below", "above", "near"]
    value: float
    tolerance: float = Field(0.0, ge=0, description="near: the largest difference.")
    by_step: int | None = Field(None, ge=0, description="The first snapshot from this step on; otherwise the last one.")

    def holds(self, measured: float) -> bool:
        """Whether a measured value is what was expected."""
        match self.comparison:
            case "below":
                return measured < self.value
            case "above":
                return measured > self.value
            case "near":
                return abs(measured - self.value) <= self.tolerance


class Step(Config):
    """A step of a lesson."""

    title: Sentence
    prose: str = Field("", max_length=5000, description="For the class: CommonMark without HTML, images or links out.")
    notes: str = Field("", max_length=5000, description="For the presenter only, of the same kind.")
    minutes: float = Field(1.0, gt=0, le=60, description="Planned for this step.")
    go: Go | None = None
    do: tuple[Do, ...] = Field((), max_length=10)
    point: Name | None = Field(None, description="A place on the page, to be highlighted.")
    ask: Ask | None = None
    expect: tuple[Expect, ...] = Field((), max_length=10)


class Lesson(Config):
    """A lesson as its file describes it."""

    name: Name = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", description="Its file is called name.md.")
    title: Sentence
    minutes: float = Field(gt=0, le=240, description="Planned for the whole lesson.")
    audience: Sentence
    data: Name = Field("given-names", description="The text that it uses.")
    seed: int = Field(0, ge=0, description="Of all runs.")
    steps: tuple[Step, ...] = Field(min_length=1, max_length=60)

    def opened(self, step: int) -> Go | None:
        """The page that is open at a step: the last `go` up to there. None before the first one.

        Args:
            step: its number, from 0.
        """
        return next((one.go for one in reversed(self.steps[: step + 1]) if one.go is not None), None)
