import numpy as np

from lmcore import figures


def test_predictions_have_the_same_colors_at_every_step() -> None:
    figure = figures.next_character(np.eye(3, dtype=np.float32), [".", "a", "<b>"])
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 0.4)
    assert figure.layout.xaxis.ticktext == (".", "a", "&lt;b&gt;")
    assert figure.layout.yaxis.title.text == "Last character"


def test_without_a_snapshot_there_is_a_message() -> None:
    assert figures.next_character(None, []).layout.annotations[0].text == "No snapshots yet."


def test_uniform_predictions_are_white() -> None:
    figure = figures.initial_predictions(np.full((2, 4), 0.25, np.float32), ["..", "<b"], list("abc<"))
    assert np.allclose(figure.data[0].z, 0)
    assert figure.layout.yaxis.ticktext[1] == "&lt;b"
