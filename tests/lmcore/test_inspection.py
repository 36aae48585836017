import numpy as np
import pytest
import torch

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.inspection import activations
from lmcore.inspection.activations import CASES, TREATMENTS, LayerRecord
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.models.mlp import GAINS
from lmcore.training.history import History
from lmcore.training.training import MAX_KEPT, RunConfig, TrainConfig, Trainer, measured_steps
from tests.lmcore.test_training import small_corpus

CORPUS = small_corpus()
CONFIG = RunConfig(model=MLPConfig(hidden=12, hidden_layers=2), train=TrainConfig(steps=100, seed=3))


def layer(kind: str, before: list[list[float]]) -> LayerRecord:
    z = np.array(before, np.float32)
    out = np.tanh(z) if kind == "Tanh" else np.maximum(z, 0)
    return LayerRecord(kind, z.shape, z.shape, 0, out, out, z)


def test_a_snapshot_is_looked_into_as_it_was() -> None:
    trainer = Trainer(CONFIG, CORPUS)
    trainer.train(20)
    snapshot = trainer.snapshot()
    rows = activations.probe(trainer)
    expected = activations.on_batch(trainer, rows)
    trainer.train(30)
    seen = activations.look(CONFIG, snapshot, CORPUS)
    assert seen.loss == expected.loss
    assert np.array_equal(seen.layers["tanh2"].grad_out, expected.layers["tanh2"].grad_out)
    assert seen.loss != activations.look(CONFIG, None, CORPUS).loss
    assert seen.contexts == ["".join(CORPUS.vocabulary.labels[i] for i in trainer.X[row]) for row in rows]


def test_looking_takes_no_step_and_no_dice() -> None:
    looked, other = Trainer(CONFIG, CORPUS), Trainer(CONFIG, CORPUS)
    activations.on_batch(looked, activations.probe(looked))
    assert np.array_equal(looked.train(10), other.train(10))


def test_gradients_of_outputs_are_those_of_autograd() -> None:
    trainer = Trainer(RunConfig(model=WaveNetConfig(hidden=6), train=CONFIG.train), CORPUS)
    rows = activations.probe(trainer)
    inside = activations.on_batch(trainer, rows)
    x, kept = trainer.X[rows].long(), {}
    for name, made in trainer.model.layers.items():
        x = made.plain(x, made.parameters).requires_grad_() if name == "embedding" else made.plain(x, made.parameters)
        x.retain_grad()
        kept[name] = x
    torch.nn.functional.cross_entropy(x, trainer.Y[rows].long()).backward()
    for name, tensor in kept.items():
        record = inside.layers[name]
        assert record.shape_out == tuple(tensor.shape)
        assert np.allclose(record.grad_out.ravel(), tensor.grad.numpy().ravel(), atol=1e-7), name


def test_the_summary_has_a_line_for_each_layer() -> None:
    table = activations.summary(activations.look(CONFIG, None, CORPUS))
    assert table["layer"].tolist() == ["embedding", "flatten", "hidden", "tanh", "hidden2", "tanh2", "output"]
    assert table["parameters"].sum() == Trainer(CONFIG, CORPUS).parameters
    assert table["output"].tolist()[:4] == ["32 × 3 × 10", "32 × 30", "32 × 12", "32 × 12"]
    assert table["saturated"].notna().tolist() == [False, False, False, True, False, True, False]


def test_histograms_share_their_bins_and_count_everything_within() -> None:
    record = activations.histograms({"a": np.array([-1, 0.1, 0.2, 5], np.float32), "b": np.ones(4, np.float32)}, 2.0, 4)
    assert record.edges.tolist() == [-2, -1, 0, 1, 2]
    assert record.shares["a"].tolist() == [0, 0.25, 0.5, 0]  # 5 lies beyond
    assert record.shares["b"].tolist() == [0, 0, 0, 1]
    assert activations.limit_of({"a": np.arange(1001, dtype=np.float32), "b": np.ones(5, np.float32)}) == 999
    assert activations.limit_of({"zeros": np.zeros(3, np.float32)}) == 1


def test_a_hierarchy_is_a_tree_whose_positions_see_twice_as_far_from_level_to_level() -> None:
    config = RunConfig(model=WaveNetConfig(hidden=6), train=CONFIG.train)
    levels = activations.levels(activations.look(config, None, CORPUS), 8)
    assert [level.names[-1] for level in levels] == ["embedding", "tanh", "tanh2", "output"]
    assert [len(level.spans) for level in levels] == [8, 4, 2, 1]
    assert levels[2].spans == [(0, 4), (4, 8)]
    assert levels[1].shapes[-1] == (32, 4, 6)
    flat = activations.levels(activations.look(CONFIG, None, CORPUS), 3)
    assert [level.spans for level in flat] == [[(0, 1), (1, 2), (2, 3)], [(0, 3)]]
    drawn = figures.tree(levels, "....<b>a", (2, 1))
    colors = drawn.data[2].marker.color
    assert colors[13] == figures.inspection.ORANGE
    assert [color == figures.inspection.SKY for color in colors[:8]] == [False] * 4 + [True] * 4
    assert drawn.data[2].text[4] == "&lt;"


def test_a_position_sees_what_the_tree_says() -> None:
    """Characters outside its span change nothing, each within changes something."""
    trainer = Trainer(RunConfig(model=WaveNetConfig(hidden=6, batch_norm=False), train=CONFIG.train), CORPUS)
    X = trainer.X[:1].long()
    trainer.model.forward(X)
    before = trainer.model.leaves["tanh2"].out[0, 1].clone()  # sees 4 to 7
    for at in range(8):
        other = X.clone()
        other[0, at] = (other[0, at] + 1) % len(CORPUS.vocabulary)
        trainer.model.forward(other)
        assert torch.equal(trainer.model.leaves["tanh2"].out[0, 1], before) == (at < 4)


# ---------------------------------------------------------------- units


def test_a_unit_is_dead_that_is_stuck_for_every_example() -> None:
    board = activations.saturation(layer("Tanh", [[0.1, 3.0, -5.0], [2.5, 4.0, 0.0]]))
    assert board.board.tolist() == [[False, True, True], [True, True, False]]
    assert board.dead == [1]
    assert board.share == pytest.approx(4 / 6)
    assert activations.saturation(layer("ReLU", [[-1.0, 2.0], [-0.5, -1.0]])).dead == [0]
    assert activations.saturation(layer("Tanh", [[3.0], [2.0]]), 0.999).dead == []


@pytest.mark.parametrize(
    ("kind", "z"), [("Tanh", [[4.0], [3.0]]), ("Tanh", [[-9.0], [-4.0]]), ("ReLU", [[-3.0], [-1.0]])]
)
def test_the_change_of_bias_that_is_told_wakes_a_dead_unit(kind: str, z: list[list[float]]) -> None:
    dead = layer(kind, z)
    assert activations.saturation(dead).dead == [0]
    shift = float(activations.revival(dead, [0])["bias must move by"][0])
    further = np.sign(shift) * 0.001
    assert activations.saturation(layer(kind, [[v[0] + shift + further] for v in z])).dead == []
    assert activations.saturation(layer(kind, [[v[0] + shift - 2 * further] for v in z])).dead == [0]


def test_a_unit_names_the_texts_that_drive_it() -> None:
    found = activations.unit(CONFIG, None, "tanh", 4, corpus=CORPUS)
    trainer = Trainer(CONFIG, CORPUS)
    trainer.model.forward(trainer.X.long())
    z = trainer.model.leaves["hidden"].out[:, 4]
    best = "".join(CORPUS.vocabulary.labels[i] for i in trainer.X[z.argmax()])
    assert found.highest["text"][0] == best
    assert found.highest["pre-activation"][0] == pytest.approx(z.max().item())
    assert found.lowest["pre-activation"].is_monotonic_increasing
    assert len(set(found.highest["text"])) == len(found.highest)
    assert found.stuck == pytest.approx((z.tanh().abs() > 0.97).float().mean().item())


def test_a_unit_of_a_hierarchy_sees_a_part_of_the_context() -> None:
    config = RunConfig(model=WaveNetConfig(hidden=6), train=CONFIG.train)
    for name, characters in (("tanh", 2), ("tanh2", 4), ("tanh3", 8)):
        found = activations.unit(config, None, name, 1, corpus=CORPUS)
        assert all(len(text) == characters for text in found.highest["text"])


# ---------------------------------------------------------------- updates


def test_sizes_of_updates_are_those_of_the_steps() -> None:
    trainer, other = (Trainer(CONFIG, CORPUS) for _ in range(2))
    trainer.train(30)
    steps, ratios = trainer.take_ratios()
    assert steps.tolist() == [*range(1, 11), *range(12, 31, 2)]
    assert len(trainer.take_ratios()[0]) == 0
    other.train(6)
    before = other.model.parameters["hidden.weight"].clone()
    other.train(1)
    after, gradient = other.model.parameters["hidden.weight"], other.model.gradients["hidden.weight"]
    at = list(other.model.matrices).index("hidden.weight")
    assert ratios[6, at, 0] == pytest.approx((gradient.std() / before.std()).item(), rel=1e-4)
    assert ratios[6, at, 1] == pytest.approx(((after - before).std() / before.std()).item(), rel=1e-4)


def test_the_same_steps_are_measured_however_a_run_is_cut() -> None:
    everything = measured_steps(0, 5000)
    assert sorted(everything)[:55] == [*range(1, 10), *range(10, 100, 2), 100]
    assert {120, 140, 980, 1000, 1200, 4800, 5000} <= everything
    assert not {101, 110, 1100, 4900} & everything
    assert measured_steps(0, 78) | measured_steps(78, 1002) | measured_steps(1080, 3920) == everything


def test_verdicts_say_what_moves_too_much_and_what_too_little() -> None:
    history = History()
    sizes = np.array([1e-3, 1e-6, 5e-2, np.nan], np.float32)
    history.add_ratios(np.arange(1, 21), np.tile(np.stack([sizes, sizes], 1), (20, 1, 1)))
    record = activations.updates(history, ["fine", "slow", "wild", "zero"])
    assert record.updates.shape == (20, 4)
    words = activations.verdicts(record)
    assert words[0] == "slow barely moves: by 10^-6.0 of its size a step."
    assert words[1] == "wild moves 50 times as far as it should."
    assert words[2] == "zero does not move at all."
    fine = History()
    fine.add_ratios(np.arange(1, 3), np.full((2, 1, 2), 1e-3, np.float32))
    assert "as it should" in activations.verdicts(activations.updates(History.from_arrays(fine.arrays()), ["fine"]))[0]
    assert activations.verdicts(activations.updates(History(), ["a"])) == []


# ---------------------------------------------------------------- treatments, figures


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("model", [MLPConfig(hidden=8, hidden_scale=2), WaveNetConfig(hidden=8, batch_norm=False)])
def test_a_treatment_changes_a_copy_only(treatment: str, model: MLPConfig | WaveNetConfig) -> None:
    config = RunConfig(model=model)
    copy = activations.treated(config, treatment)
    assert config.model == model
    if treatment == "BatchNorm":
        assert copy.model.batch_norm in (True, "hidden")
    if treatment == "ten times the rate":
        assert copy.train.learning_rate == pytest.approx(1.0)
    if treatment == "a tenth of the output layer":
        assert copy.model.output_scale == pytest.approx(model.output_scale / 10)
    if treatment == "gain 1" and isinstance(model, MLPConfig):
        assert copy.model.hidden_scale == 0.6


def test_before_and_after_are_of_the_same_minibatch() -> None:
    config = RunConfig(corpus={"source": "given-names", "locales": ("de_DE",)}, model=MLPConfig(hidden=8))
    before, after = (activations.after(c, 5) for c in (config, activations.treated(config, "BatchNorm")))
    assert before.contexts == after.contexts
    assert before.loss != after.loss


def test_depth_does_what_the_cases_are_called_after(names: Corpus) -> None:
    """Five layers: outputs and gradients vanish, saturate or explode by the gain, and BatchNorm mends it."""

    def inside(case: str) -> activations.Inside:
        chosen = {name: value for name, value in CASES[case].items() if name in MLPConfig.model_fields}
        gain = CASES[case]["gain"] / GAINS[chosen["activation"]]
        return activations.look(RunConfig(model=MLPConfig(hidden_scale=gain, **chosen)), None, names)

    def spread(case: str) -> np.ndarray:
        return np.array([layer.out.std() for layer in inside(case).activations.values()])

    healthy, vanishing, exploding = spread("healthy"), spread("vanishing"), spread("exploding")
    assert healthy.max() / healthy.min() < 1.5
    assert vanishing[-1] < 0.05 * healthy[-1]
    assert exploding[-1] > 10 * exploding[0]
    stuck = {
        case: activations.summary(inside(case))["saturated"].max() for case in ("saturated", "rescued by BatchNorm")
    }
    assert stuck["saturated"] > 0.4
    assert stuck["rescued by BatchNorm"] < 0.1
    assert activations.saturation(inside("dead units").layers["tanh"]).dead
    for case, words in {
        "healthy": "keep their spread",
        "vanishing": "Outputs fade",
        "saturated": "saturated by",
        "exploding": "Outputs grow",
        "dead units": "units are dead",
        "rescued by BatchNorm": "keep their spread",
    }.items():
        assert any(words in sentence for sentence in activations.findings(inside(case))), case


def test_snapshots_of_large_models_keep_no_weights() -> None:
    config = RunConfig(model=MLPConfig(hidden=2048, hidden_layers=2))
    trainer = Trainer(config, CORPUS)
    assert trainer.parameters > MAX_KEPT
    assert not activations.can_look(trainer.snapshot())
    assert activations.can_look(Trainer(CONFIG, CORPUS).snapshot())


def test_figures_draw_what_the_records_hold() -> None:
    inside = activations.look(CONFIG, None, CORPUS)
    groups = {name: layer.out for name, layer in inside.activations.items()}
    record = activations.histograms(groups, 1.0)
    overlaid, below = figures.histograms(record, "output"), figures.histograms(record, "output", multiples=True)
    assert [trace.name for trace in overlaid.data] == ["tanh", "tanh2"]
    assert overlaid.layout.xaxis.range == (-1, 1)
    assert below.data[1].yaxis == "y2"
    assert below.layout.yaxis2.domain[1] <= below.layout.yaxis.domain[0]
    board = activations.saturation(layer("Tanh", [[3.0, 0.0], [4.0, 1.0]]))
    drawn = figures.saturation_board(board)
    assert drawn.data[0].z.tolist() == [[1, 0], [1, 0]]
    assert list(drawn.data[1].x) == [0]
    assert (drawn.layout.xaxis.title.text, drawn.layout.yaxis.title.text) == ("unit", "example")
    for kind in ("tanh", "relu"):
        config = RunConfig(model=MLPConfig(hidden=4, activation=kind), train=CONFIG.train)
        unit = figures.unit(activations.unit(config, None, kind, 0, corpus=CORPUS))
        assert unit.layout.xaxis.title.text == "pre-activation"
    empty = figures.updates(activations.updates(History(), ["a"]))
    assert "leave a mark" in empty.layout.annotations[0].text
    trainer = Trainer(CONFIG, CORPUS)
    trainer.train(5)
    history = History()
    history.add_ratios(*trainer.take_ratios())
    lines = figures.updates(activations.updates(history, list(trainer.model.matrices)))
    assert lines.layout.shapes[0].y0 == -3
    assert len(lines.data) == 4
