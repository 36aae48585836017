"""A lesson with a question of each kind, for the tests of several packages."""

from lmcore.lessons.lesson import Ask, Do, Go, Lesson, Step

CHOICE, NUMBER, GUESS, CURVE = range(1, 5)  # indices of the steps that ask


def example_lesson(**changes: object) -> Lesson:
    """Five steps: one that only opens a page, and one per kind of question."""
    steps = (
        Step(title="Open the page", prose="A **small** network.", notes="Say hello.", go=Go(page="dataset")),
        Step(
            title="Letters",
            ask=Ask(
                kind="choice",
                question="Which letter follows q?",
                options=("a", "u", "-1"),
                answer=2,
                because="Names copy English.",
            ),
        ),
        Step(title="Characters", ask=Ask(kind="number", question="How many?", answer=27, tolerance=1, unit="letters")),
        Step(title="Guess", ask=Ask(kind="guess", question="What will it write?")),
        Step(
            title="Predict",
            go=Go(page="mlp", set={"steps": 60, "hidden": 20}),
            do=(Do(action="start", until_step=40),),
            ask=Ask(kind="curve", question="Where will the loss go?", steps=40, because="It falls at once."),
            point="mlp.go",
        ),
    )
    lesson = Lesson(name="example", title="An example", minutes=5, audience="Everybody.", steps=steps)
    return lesson.model_copy(update=changes)
