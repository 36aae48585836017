from dataclasses import replace

import numpy as np
import pytest

from lmcore import figures
from lmcore.inspection.decision_regions import decision_planes, decision_regions
from tests.lmcore.conftest import MakeClassifier


def test_misclassified_examples_have_a_ring(classifier: MakeClassifier) -> None:
    trainer = classifier(20, classes=3)
    record = decision_regions(trainer.model, trainer.data, n_points=9)
    n_wrong = sum(len(points.misclassified) for points in record.points.values())
    rings = figures.decision_regions(record).data[-1]
    assert rings.name == f"misclassified: {n_wrong}"
    assert len(rings.x) == n_wrong


def test_examples_are_named_by_class_and_split(classifier: MakeClassifier) -> None:
    trainer = classifier(20, classes=2, dev_share=0.2)
    record = decision_regions(trainer.model, trainer.data, n_points=9)
    figure = figures.decision_regions(record)
    names = {trace.name for trace in figure.data}
    assert {"A, train", "B, train", "A, dev", "B, test"} <= names
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("x1", "x2")
    assert sum(trace.type == "contour" for trace in figure.data) == 1  # one boundary between two classes


def test_a_split_can_be_left_out(classifier: MakeClassifier) -> None:
    trainer = classifier(20, classes=2)
    record = decision_regions(trainer.model, trainer.data, n_points=9)
    figure = figures.decision_regions(replace(record, points={"train": record.points["train"]}))
    assert not any(trace.name and trace.name.endswith("test") for trace in figure.data)


def test_planes_are_surfaces_between_two_classes(classifier: MakeClassifier) -> None:
    trainer = classifier(200, features=3, classes=2, family="logistic-regression")
    figure = figures.decision_planes(decision_planes(trainer.model, trainer.data, n_points=9))
    assert figure.data[0].type == "surface"
    assert figure.data[0].name == "A | B"
    assert figure.layout.scene.zaxis.title.text == "x3"


def test_the_canvas_has_a_message_until_there_are_points() -> None:
    assert figures.point_canvas((), empty="Click here.").layout.annotations[0].text == "Click here."
    figure = figures.point_canvas(((0.0, 1.0, 2),))
    assert len(figure.data[1].x) == 1
    assert not figure.layout.annotations


@pytest.mark.parametrize("K", [2, 6])
def test_the_color_scale_has_a_stretch_for_each_class(classifier: MakeClassifier, K: int) -> None:
    trainer = classifier(1, source="blobs", classes=K)
    scale = figures.decision_regions(decision_regions(trainer.model, trainer.data, n_points=5)).data[0].colorscale
    assert [position for position, _ in scale][::2] == pytest.approx(np.arange(K) / K)
    assert scale[-1][0] == 1


def test_a_class_without_examples_has_no_entry_in_the_legend(classifier: MakeClassifier) -> None:
    trainer = classifier(20, classes=2)
    record = decision_regions(trainer.model, trainer.data, n_points=9)
    only_first = replace(record.points["train"], classes=np.zeros_like(record.points["train"].classes))
    names = {trace.name for trace in figures.decision_regions(replace(record, points={"train": only_first})).data}
    assert "A, train" in names
    assert "B, train" not in names
