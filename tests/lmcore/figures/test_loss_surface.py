import numpy as np

from lmcore import figures
from lmcore.inspection.loss_surface import LossSurface


def test_each_path_ends_with_a_star() -> None:
    axis = np.linspace(-1, 1, 5)
    path = np.array([[0.0, 0.0], [0.3, 0.2], [0.5, 0.5]])
    paths = dict.fromkeys(("batch", "minibatch", "stochastic"), path)
    record = LossSurface(axis, axis, np.ones((5, 5)), paths, ("x1 → <B>", "x2 → B"))
    figure = figures.loss_surface(record)
    assert [trace.name for trace in figure.data[1:]] == ["stochastic", "minibatch", "batch"]
    assert figure.data[1].marker.size == (0, 0, 12)
    assert figure.layout.xaxis.title.text == "Weight x1 → &lt;B&gt;"
    assert "nats" in figure.data[0].colorbar.title.text
