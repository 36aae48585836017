import numpy as np

from lmcore import figures
from lmcore.inspection.confusion import Confusion


def test_counts_are_written_on_the_share_of_their_row() -> None:
    ratios = np.full(2, 0.5)
    figure = figures.confusion(Confusion(np.array([[8, 2], [0, 0]]), ratios, ratios, ("<a>", "b"), "dev"))
    cells = figure.data[0]
    assert cells.z.tolist() == np.array([[0.8, 0.2], [0, 0]], np.float32).tolist()
    assert cells.text.tolist() == [["8", "2"], ["0", "0"]]
    assert figure.layout.xaxis.title.text == "Predicted class<br>(dev accuracy 80.0%)"
    assert figure.layout.yaxis.title.text == "True class"
    assert figure.layout.yaxis.ticktext == ("&lt;a&gt;", "b")
