import numpy as np
import pytest

from lmcore import figures
from lmcore.data.corpora import CorpusConfig, from_text
from lmcore.data.corpus_summary import summarize
from lmcore.figures import style
from lmcore.inspection import neural_bigram, ngrams
from lmcore.recipes import recipes
from lmcore.training.config import RunConfig
from lmcore.training.history import Change, History, Snapshot
from lmcore.training.loss_curve import loss_curve


def curve(steps: int, changes: tuple[Change, ...] = (), lost: int = 0):
    history = History()
    history.add(np.linspace(3.3, 2.0, steps, dtype=np.float32))
    snapshots = (Snapshot(0, 3.3, 3.3, ()), Snapshot(steps, 2.0, 2.1, ())) if steps else ()
    return loss_curve(history, snapshots, 27, changes, np.full(lost, 50.0, np.float32))


@pytest.fixture(autouse=True)
def validated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are built unvalidated, for speed; here plotly checks every property of every one."""
    make = style.go.Figure
    monkeypatch.setattr(style.go, "Figure", lambda given, _validate: make(given))


def test_the_loss_curve_draws_losses_and_the_line_of_guessing() -> None:
    figure = figures.loss_curve(curve(500))
    assert [trace.name for trace in figure.data] == ["minibatch", "smoothed", "train", "dev", "guessing: 3.296"]
    assert figure.layout.xaxis.title.text == "step"
    assert figure.layout.yaxis.title.text == "loss (nats per character)"
    assert figure.data[-1].y[0] == pytest.approx(np.log(27))


def test_axes_become_logarithmic_on_request_and_leave_out_step_zero() -> None:
    figure = figures.loss_curve(curve(500), log_x=True, log_y=True)
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "log"
    assert all(min(trace.x) > 0 for trace in figure.data)


def test_changes_are_marked_and_lost_losses_are_drawn() -> None:
    figure = figures.loss_curve(curve(500, (Change(100, {"learning_rate": 0.01}),), lost=3))
    assert figure.layout.annotations[0].text == "learning rate 0.01"
    assert figure.data[4].name == "diverged"
    assert figure.data[4].x[0] == 501


def test_nothing_yet_is_a_figure_that_says_what_to_do() -> None:
    assert "Start" in figures.loss_curve(curve(0)).layout.annotations[0].text
    assert "Start" in figures.next_character(None, []).layout.annotations[0].text


def test_the_heatmap_has_a_fixed_scale_and_labelled_axes() -> None:
    figure = figures.next_character(np.eye(3, dtype=np.float32), [".", "a", "<b>"])
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 0.4)
    assert figure.layout.xaxis.ticktext == (".", "a", "&lt;b&gt;")
    assert figure.layout.yaxis.title.text == "last character"


@pytest.mark.parametrize("units", ["lines", "running"])
def test_pictures_of_a_text_count_what_is_there(units: str) -> None:
    record = summarize(from_text("ab\nabc\nb1", config=CorpusConfig(units=units)))
    bars = figures.character_frequencies(record)
    assert sum(bars.data[0].y) == pytest.approx(1)
    assert bars.layout.xaxis.tickvals == tuple(range(len(bars.layout.xaxis.ticktext)))
    assert figures.length_histogram(record).data[0].x.tolist() == [2, 3, 2]


def test_a_tensor_shows_its_shape_and_gradients_are_signed() -> None:
    corpus = from_text("emma\nolivia\nava\n" * 5)
    stages = neural_bigram.slow_motion(corpus, "emma", 1, 1.0, 1).stages
    for stage in stages:
        for gradient in (False, True):
            drawn = figures.tensor(stage, gradient)
            assert f"({stage.shape[0]} × {stage.shape[1]})" in drawn.layout.title.text
            assert drawn.data[0].z.shape == stage.shape
            assert drawn.data[0].zmin == (-drawn.data[0].zmax if gradient else drawn.data[0].zmin)


def test_the_net_and_the_counts_are_drawn_on_one_scale() -> None:
    corpus = from_text("emma\nolivia\nava\n" * 5)
    counts = ngrams.counted(corpus)
    matrix = ngrams.pair_matrix(corpus, counts, 1.0)
    assert figures.probabilities(matrix, "p", top=0.5).data[0].zmax == 0.5
    record = neural_bigram.log_counts(matrix.counts, matrix.probabilities, matrix.labels)
    assert len(figures.log_counts(record).data[1].x) == (matrix.counts > 0).sum()
    both = [neural_bigram.descend(counts, 5, 1.0, 1, o) for o in ("mean of logarithms", "logarithm of the mean")]
    assert [trace.name for trace in figures.two_objectives(*both).data] == [
        "trained on −mean(log p)",
        "trained on −log(mean p)",
    ]


def test_a_race_draws_each_run_and_the_line_of_guessing() -> None:
    assert "Start the race" in figures.race({}).layout.annotations[0].text
    drawn = figures.race({"one": curve(500), "two": curve(300)}, log_x=True)
    assert [trace.name for trace in drawn.data] == ["one", "two", "guessing: 3.296"]
    assert drawn.layout.xaxis.type == "log"
    assert not drawn.layout.annotations


def test_a_change_to_another_word_is_written_beside_its_mark() -> None:
    drawn = figures.loss_curve(curve(500, (Change(100, {"optimizer": "adam", "one_batch": True}),)))
    assert drawn.layout.annotations[0].text == "optimizer adam<br>one batch on"


def test_histograms_share_their_bins_and_sum_to_one() -> None:
    drawn = figures.values({"a": np.zeros(10, np.float32), "b": np.arange(10, dtype=np.float32)}, "value")
    assert np.array_equal(drawn.data[0].x, drawn.data[1].x)
    assert [trace.y.sum() for trace in drawn.data] == pytest.approx([1, 1])
    assert drawn.layout.xaxis.title.text == "value"


def test_first_guesses_are_white_where_all_are_alike() -> None:
    drawn = figures.first_guesses(np.full((2, 4), 0.25, np.float32), ["..", "<b"], list("abc<"))
    assert np.allclose(drawn.data[0].z, 0)
    assert drawn.layout.yaxis.ticktext[1] == "&lt;b"


def checks_of(*losses: float) -> list[recipes.Check]:
    """A recipe of two numbers, the first of them a loss, after so many steps."""
    numbers = (
        recipes.Published("first <loss>", 2.0, 0.1, recipes.first_loss, step=0),
        recipes.Published("parameters", 7, 0, recipes.parameters, "count"),
        recipes.Published("dev", 1.5, 0.1, recipes.dev_loss(100), step=100),
    )
    history = History()
    history.add(np.array(losses, np.float32))
    run = recipes.Start(RunConfig(), 8, history, ())
    return recipes.check(recipes.Recipe("t", "a", "s", numbers), run)


def test_the_board_of_a_recipe_shows_distances_in_tolerances() -> None:
    figure = figures.recipe_board(recipes.board(checks_of(2.05)))
    reached, differs, waiting = figure.data
    assert reached.x == pytest.approx([0.5], abs=1e-5)
    assert list(differs.x) == [3.0]  # a count that is not the same is as far off as can be
    assert list(waiting.x) == [0.0]
    assert figure.layout.yaxis.ticktext == ("first &lt;loss&gt;", "parameters", "dev")
    assert "tolerances" in figure.layout.xaxis.title.text
    assert "Choose" in figures.recipe_board(recipes.board([])).layout.annotations[0].text


def test_published_losses_stand_where_the_run_is_to_come() -> None:
    checks = checks_of(2.3)
    figure = figures.recipe_curve(curve(0), recipes.targets(checks), 100)
    stars = figure.data[-1]
    assert list(stars.x) == [1, 100]
    assert stars.y == pytest.approx([2.0, 1.5])
    assert stars.marker.symbol == ("star-open", "star-open")
    assert "Press Start" in figure.layout.annotations[0].text
    assert figures.recipe_curve(curve(500), recipes.targets(checks), 500).layout.annotations == ()
    assert recipes.finding(checks) == "0 of 3 published numbers are reached, 2 differ, 1 cannot be told yet."
