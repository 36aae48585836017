import pytest

from lmcore import figures
from lmcore.inspection.linear_scores import linear_scores
from tests.lmcore.conftest import MakeClassifier


@pytest.mark.parametrize(("classes", "family"), [(3, "softmax-regression"), (2, "logistic-regression")])
def test_four_matrices_stand_side_by_side_with_their_shapes(
    classifier: MakeClassifier, classes: int, family: str
) -> None:
    trainer = classifier(20, classes=classes, family=family)
    figure = figures.linear_scores(linear_scores(trainer.model, trainer.data))
    n, K = len(trainer.y), 3 if classes == 3 else 1
    assert [note.text for note in figure.layout.annotations] == [
        f"X augmented ({n} × 3)",
        f"theta augmented (3 × {K})",
        f"scores ({n} × {K})",
        f"probabilities ({n} × {K})",
    ]
    axes = [figure.layout.xaxis, figure.layout.xaxis2, figure.layout.xaxis3, figure.layout.xaxis4]
    ends = [end for axis in axes for end in axis.domain]
    assert ends == sorted(ends)
    assert ends[-1] == pytest.approx(1)


def test_classes_that_are_called_numbers_are_not_taken_for_numbers(classifier: MakeClassifier) -> None:
    trainer = classifier(1, source="digits", examples=200)
    figure = figures.linear_scores(linear_scores(trainer.model, trainer.data))
    assert figure.layout.xaxis.type == figure.layout.xaxis4.type == figure.layout.yaxis2.type == "category"
