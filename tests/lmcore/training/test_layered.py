import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.errors import UserError
from lmcore.families import make_trainer, run_config_from_settings
from lmcore.generation.sampling import SampleConfig
from lmcore.inspection import initialization, one_batch
from lmcore.models.mlp import MLPConfig, build_mlp
from lmcore.training.config import RunConfig, TrainConfig
from lmcore.training.layered import LayeredTrainer
from lmcore.training.optimizers import l2_penalty
from lmcore.training.schedules import learning_rates
from lmcore.training.trainer import DivergedError
from tests.lmcore.training.torch_optimizers import ORACLES, SETTINGS

LINES = CorpusConfig(units="lines")


def reference_loss(
    parameters: dict[str, Tensor], X: Tensor, Y: Tensor, l2: float = 0.0, activation: str = "tanh"
) -> Tensor:
    """The same model in the words of autograd."""
    h = embedded = parameters["embedding.weight"][X].flatten(1)
    for number in ("", *range(2, 7)):
        if f"hidden{number}.weight" in parameters:
            before = h @ parameters[f"hidden{number}.weight"] + parameters[f"hidden{number}.bias"]
            h = torch.tanh(before) if activation == "tanh" else torch.relu(before)
    logits = h @ parameters["output.weight"] + parameters["output.bias"]
    if "direct.weight" in parameters:
        logits = logits + embedded @ parameters["direct.weight"]
    penalty = sum((p**2).sum() for name, p in parameters.items() if name.endswith("weight"))
    return torch.nn.functional.cross_entropy(logits, Y) + l2 * penalty


def examples(trainer: LayeredTrainer, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Contexts and next characters of some training examples, as tensors."""
    X, Y = trainer.training_examples(rows.numpy())
    return torch.from_numpy(X), torch.from_numpy(Y)


def test_every_layer_keeps_its_output_and_its_gradient(corpus: Corpus) -> None:
    trainer = make_trainer(RunConfig(), corpus)
    trainer.train(1)
    shapes = {
        name: (tuple(layer.out.shape), tuple(layer.grad_out.shape)) for name, layer in trainer.model.layers.items()
    }
    V = len(trainer.corpus.vocabulary)
    assert shapes == {
        "embedding": ((32, 3, 10), (32, 3, 10)),
        "flatten": ((32, 30), (32, 30)),
        "hidden": ((32, 200), (32, 200)),
        "tanh": ((32, 200), (32, 200)),
        "output": ((32, V), (32, V)),
    }


@pytest.mark.parametrize(
    ("preset", "loss", "saturated"),
    [
        ("everything standard normal", 27.8817, 0.61),
        ("output × 0.01", 3.3221, 0.61),
        ("output × 0.01, hidden × 0.2", 3.3135, 0.010),
        ("output × 0.01, hidden Kaiming", 3.3179, 0.081),
    ],
)
def test_the_first_batch_of_the_names_is_as_published(
    names: Corpus, preset: str, loss: float, saturated: float
) -> None:
    config = RunConfig(model=MLPConfig(**initialization.PRESETS[preset]))
    trainer = make_trainer(config, names)
    assert trainer.n_parameters == 11897
    record = initialization.first_batch(config, names)
    assert record.guessing == pytest.approx(math.log(27))
    assert record.loss == pytest.approx(loss, abs=5e-5)
    assert record.saturated["tanh"] == pytest.approx(saturated, abs=0.005 if saturated > 0.5 else 0.0005)
    assert trainer.train(1)[0] == pytest.approx(loss, abs=5e-5)


def test_an_output_of_zeros_starts_at_ln_v_exactly(corpus: Corpus) -> None:
    record = initialization.first_batch(RunConfig(model=MLPConfig(output_scheme="zeros")), corpus)
    assert record.loss == pytest.approx(record.guessing, abs=1e-6)
    assert np.allclose(record.probabilities, record.probabilities[0, 0])


@pytest.mark.slow
def test_thousands_of_steps_on_the_names_equal_a_plain_autograd_loop(names: Corpus) -> None:
    steps = 5000
    trainer = make_trainer(RunConfig(train=TrainConfig(steps=steps)), names)
    losses = np.concatenate([trainer.train(200) for _ in range(steps // 200)])

    generator = torch.Generator().manual_seed(2147483647)
    model = build_mlp(MLPConfig(), 27, generator)
    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in model.parameters.items()}
    X, Y = (torch.from_numpy(np.array(array)).long() for array in names.windows("train", 3))
    expected = []
    for _ in range(steps):
        ix = torch.randint(0, len(X), (32,), generator=generator)
        loss = reference_loss(parameters, X[ix], Y[ix])
        for p in parameters.values():
            p.grad = None
        loss.backward()
        for p in parameters.values():
            p.data += -0.1 * p.grad
        expected.append(loss.item())

    assert losses[:100] == pytest.approx(expected[:100], abs=1e-4)  # the same draws, step by step
    assert losses[-2000:].mean() == pytest.approx(np.mean(expected[-2000:]), abs=0.01)
    with torch.no_grad():
        dev = names.windows("dev", 3)
        theirs = reference_loss(parameters, torch.from_numpy(dev.X[:]).long(), torch.from_numpy(dev.Y).long()).item()
    assert trainer.evaluate("dev") == pytest.approx(theirs, abs=0.02)


def test_the_penalty_is_part_of_the_gradient(corpus: Corpus) -> None:
    config = RunConfig(train=TrainConfig(l2=0.01, learning_rate=0.5, batch_size=8))
    trainer = make_trainer(config, corpus)
    parameters = {name: torch.tensor(p, requires_grad=True) for name, p in trainer.model.parameters.items()}
    generator = torch.Generator()
    generator.set_state(trainer.generator.get_state())
    rows = torch.randint(0, len(trainer.X), (8,), generator=generator)
    reference_loss(parameters, *examples(trainer, rows), l2=0.01).backward()
    trainer.train(1)
    for name, p in parameters.items():
        expected = (p - 0.5 * p.grad).detach().numpy()
        np.testing.assert_allclose(trainer.model.parameters[name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=6))
def test_the_numbers_do_not_depend_on_how_steps_are_cut(corpus: Corpus, cuts: list[int]) -> None:
    config = RunConfig(model=MLPConfig(hidden=16))
    whole, pieces = make_trainer(config, corpus), make_trainer(config, corpus)
    losses = whole.train(sum(cuts))
    cut_losses = np.concatenate([pieces.train(steps) for steps in cuts])
    assert losses.tobytes() == cut_losses.tobytes()
    assert whole.state_dict()["weights"].tobytes() == pieces.state_dict()["weights"].tobytes()
    assert whole.state_dict()["generator"].tobytes() == pieces.state_dict()["generator"].tobytes()


def test_a_rate_that_is_too_large_stops_with_the_step_and_the_cure(corpus: Corpus) -> None:
    trainer = make_trainer(RunConfig(train=TrainConfig(learning_rate=500)), corpus)
    result = trainer.train_for(5)
    assert "diverged at step" in result.diverged
    assert "Try a learning rate of 0.1." in result.diverged
    assert len(result.losses)


def test_weights_that_overflow_are_noticed_though_the_loss_is_finite(corpus: Corpus) -> None:
    trainer = make_trainer(RunConfig(), corpus)
    trainer.model.parameters["embedding.weight"][len(trainer.corpus.vocabulary) - 1, 0] = np.inf
    with pytest.raises(DivergedError, match="finite"):
        trainer.train(1)


def test_a_penalty_that_overshoots_is_named_as_the_cause(corpus: Corpus) -> None:
    trainer = make_trainer(RunConfig(train=TrainConfig(l2=10)), corpus)
    assert "penalty" in trainer.train_for(5).diverged


def test_evaluation_is_the_mean_over_every_example(corpus: Corpus) -> None:
    trainer = make_trainer(RunConfig(), corpus)
    parameters = {name: torch.from_numpy(p) for name, p in trainer.model.parameters.items()}
    expected = reference_loss(parameters, *examples(trainer, torch.arange(len(trainer.X)))).item()
    assert trainer.evaluate("train") == pytest.approx(expected, abs=1e-6)


def test_an_empty_split_has_no_loss() -> None:
    trainer = make_trainer(RunConfig(), from_text("ab\nba", config=LINES))
    assert trainer.evaluate("dev") is None
    assert trainer.snapshot().loss("dev") is None


def test_a_model_learns_what_there_is_to_learn() -> None:
    corpus = from_text("abc" * 200, config=CorpusConfig(units="running"))
    trainer = make_trainer(RunConfig(model=MLPConfig(context=2, hidden=20)), corpus)
    trainer.train(300)
    drawn = trainer.sample(SampleConfig(count=3, length=9, prefix="ab"))
    assert drawn == ["abcabcabcab"] * 3


def test_a_step_that_would_take_minutes_is_refused_in_words(corpus: Corpus) -> None:
    config = RunConfig(model=MLPConfig(hidden=2048, embedding=256, context=32), train=TrainConfig(batch_size=16384))
    with pytest.raises(UserError, match="smaller"):
        make_trainer(config, corpus)


@pytest.mark.parametrize(
    ("given_settings", "words"),
    [
        ({"hidden": 0}, "greater than or equal to 1"),
        ({"learning_rate": "fast"}, "valid number"),
        ({"learning_rate": float("nan")}, "finite"),
        ({"color": 1}, "There is no setting 'color'"),
    ],
)
def test_settings_that_do_not_fit_are_named(given_settings: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        run_config_from_settings(given_settings)


def test_a_config_survives_json() -> None:
    config = run_config_from_settings(
        {"hidden": "100", "learning_rate": "0.2", "locales": ("fr_FR",), "source": "names"}
    )
    assert RunConfig.model_validate_json(config.model_dump_json()) == config
    assert config.model.hidden == 100


# ---------------------------------------------------------------- the neural bigram


BIGRAM = {"family": "neural-bigram", "learning_rate": 50, "full_batch": True, "l2": 0.01, "l2_reduction": "mean"}


def test_the_untrained_neural_bigram_is_the_published_one(names: Corpus) -> None:
    trainer = make_trainer(run_config_from_settings(BIGRAM), names)
    ids = torch.tensor(names.vocabulary.encode("emma"), dtype=torch.int64)
    x, y = torch.cat([torch.zeros(1, dtype=torch.int64), ids]), torch.cat([ids, torch.zeros(1, dtype=torch.int64)])
    logits = torch.from_numpy(trainer.model.forward(x.unsqueeze(1).numpy()))
    log_p = torch.log_softmax(logits, dim=1)[torch.arange(5), y]
    assert log_p.exp().tolist() == pytest.approx([0.012286, 0.018051, 0.026692, 0.073677, 0.014978], abs=5e-7)
    assert -log_p.mean().item() == pytest.approx(3.769305, abs=5e-7)


def test_full_batch_descent_on_all_names_reaches_the_published_losses(names: Corpus) -> None:
    trainer = make_trainer(run_config_from_settings(BIGRAM), names)
    parts = [names.windows(split, 1) for split in ("train", "dev", "test")]
    trainer.X = np.concatenate([part.X for part in parts])
    trainer.Y = np.concatenate([part.Y for part in parts])
    losses = trainer.train(1001)
    assert len(trainer.X) == 228146
    assert losses[[0, 100, 1000]] == pytest.approx([3.7590, 2.4748, 2.4604], abs=5e-5)


def test_a_full_batch_step_equals_autograd_over_every_example(corpus: Corpus) -> None:
    trainer = make_trainer(
        run_config_from_settings({"family": "neural-bigram", "learning_rate": 2.0, "full_batch": True}), corpus
    )
    W = torch.tensor(trainer.model.parameters["W.weight"], requires_grad=True)
    X, Y = examples(trainer, torch.arange(len(trainer.X)))
    loss = torch.nn.functional.cross_entropy(W[X[:, 0]], Y)
    loss.backward()
    assert trainer.train(1)[0] == pytest.approx(loss.item(), abs=1e-6)
    expected = (W - 2.0 * W.grad).detach().numpy()
    np.testing.assert_allclose(trainer.model.parameters["W.weight"], expected, rtol=1e-5, atol=1e-6)


def test_a_full_batch_is_refused_in_words_for_longer_contexts(corpus: Corpus) -> None:
    with pytest.raises(UserError, match="context of 1"):
        make_trainer(RunConfig(train=TrainConfig(full_batch=True)), corpus)


def test_an_unknown_family_is_named() -> None:
    with pytest.raises(UserError, match="neural-bigram"):
        run_config_from_settings({"family": "transformer"})


# ---------------------------------------------------------------- optimizers, schedules, penalties


def trained(corpus: Corpus, blocks: list[int], **settings: object) -> LayeredTrainer:
    """A small model trained in calls of so many steps, its state saved and restored between them."""
    config = RunConfig(model=MLPConfig(hidden=16), train=TrainConfig(**({"steps": 60} | settings)))
    trainer = make_trainer(config, corpus)
    for block in blocks:
        state = {name: value.copy() for name, value in trainer.state_dict().items()}
        trainer = make_trainer(config, corpus)
        trainer.load_state_dict(state)
        trainer.train(block)
    return trainer


@pytest.mark.slow
@pytest.mark.parametrize("name", ORACLES)
def test_each_optimizer_equals_torchs_over_autograd(name: str, corpus: Corpus) -> None:
    settings = {"optimizer": name, "learning_rate": 0.01, **SETTINGS}
    trainer = trained(corpus, [], **settings)
    parameters = {key: torch.tensor(p, requires_grad=True) for key, p in trainer.model.parameters.items()}
    optimizer = ORACLES[name](list(parameters.values()), 0.01)
    generator = torch.Generator()
    generator.set_state(trainer.generator.get_state())
    trainer.train(40)
    for _ in range(40):
        rows = torch.randint(0, len(trainer.X), (32,), generator=generator)
        optimizer.zero_grad()
        reference_loss(parameters, *examples(trainer, rows)).backward()
        optimizer.step()
    for key, p in parameters.items():
        np.testing.assert_allclose(trainer.model.parameters[key], p.detach().numpy(), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("name", ORACLES)
def test_saving_and_restoring_on_the_way_changes_no_bit_with_any_optimizer(name: str, corpus: Corpus) -> None:
    settings = {"optimizer": name, "learning_rate": 0.01, "schedule": "cosine", "warmup": 5}
    whole, cut = trained(corpus, [60], **settings), trained(corpus, [1, 9, 20, 30], **settings)
    assert np.array_equal(whole.model.theta, cut.model.theta)


def test_another_optimizer_during_a_run_begins_without_moments(corpus: Corpus) -> None:
    trainer = trained(corpus, [10], optimizer="adam", learning_rate=0.01)
    assert any(name.startswith("optimizer/adam.") for name in trainer.state_dict())
    trainer.config = RunConfig(model=trainer.config.model, train=TrainConfig(optimizer="momentum"))
    trainer.train(1)
    assert {name.partition(".")[0] for name in trainer.state_dict() if "." in name} == {"optimizer/momentum"}


def test_schedules_have_their_known_values() -> None:
    def at(steps: list[int], **settings: object) -> list[float]:
        config = TrainConfig(learning_rate=0.5, steps=101, factor=0.01, **settings)
        assert learning_rates(config, 0, 101) == [learning_rates(config, i, 1)[0] for i in range(101)]
        return [learning_rates(config, step, 1)[0] for step in steps]

    assert at([0, 50, 100]) == [0.5, 0.5, 0.5]
    assert at([0, 69, 70, 100], schedule="step", decay_at=70) == [0.5, 0.5, 0.005, 0.005]
    assert at([0, 50, 100], schedule="exponential") == pytest.approx([0.5, 0.05, 0.005])
    assert at([0, 50, 100], schedule="cosine") == pytest.approx([0.5, (0.5 + 0.005) / 2, 0.005])
    assert at([0, 1, 8, 9, 50], warmup=9) == pytest.approx([0.05, 0.1, 0.45, 0.5, 0.5])


REDUCTIONS = {"sum": torch.sum, "mean": torch.mean}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("family", ["mlp", "neural-bigram", "wavenet"])
def test_the_gradient_of_the_penalty_is_that_of_autograd(family: str, reduction: str, corpus: Corpus) -> None:
    strengths = {"l2": 0.2, "l2_embedding": 1.0, "l2_hidden": 2.0, "l2_output": 4.0}
    gradients = []
    for settings_used in ({}, strengths | {"l2_reduction": reduction}):
        config = run_config_from_settings({"family": family, "learning_rate": 0.0} | settings_used)
        trainer = make_trainer(config, corpus)
        trainer.train(1)
        gradients.append({name: g.copy() for name, g in trainer.model.gradients.items()})
    weights = {name: torch.tensor(p, requires_grad=True) for name, p in trainer.model.parameters.items()}
    own = {"embedding": 1.0, "output": 4.0, "W": 0.0}
    penalties = [
        (0.2 + own.get(name.removesuffix(".weight"), 2.0)) * REDUCTIONS[reduction](weight**2)
        for name, weight in weights.items()
        if name.endswith(".weight")
    ]
    torch.stack(penalties).sum().backward()
    assert l2_penalty(config.train, trainer.model) == pytest.approx(sum(p.item() for p in penalties), rel=1e-5)
    for name, weight in weights.items():
        expected = gradients[0][name] + (0.0 if weight.grad is None else weight.grad.numpy())
        np.testing.assert_allclose(gradients[1][name], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("field", "tensor"),
    [
        ("l2_embedding", "embedding.weight"),
        ("l2_hidden", "hidden.weight"),
        ("l2_hidden", "hidden2.weight"),
        ("l2_output", "output.weight"),
        ("l2_output", "direct.weight"),
    ],
)
def test_a_penalty_pulls_its_own_tensor_only(field: str, tensor: str, corpus: Corpus) -> None:
    model = MLPConfig(hidden=8, hidden_layers=2, direct_connections=True)
    gradients = []
    for l2 in (0.0, 0.1):
        trainer = make_trainer(RunConfig(model=model, train=TrainConfig(**{field: l2}, learning_rate=0.0)), corpus)
        trainer.train(1)
        gradients.append({name: g.copy() for name, g in trainer.model.gradients.items()})
    same = {tensor, "hidden.weight" if field == "l2_hidden" else tensor}
    same |= {"hidden2.weight"} if field == "l2_hidden" else set()
    same |= {"output.weight", "direct.weight"} if field == "l2_output" else set()
    for name, before in gradients[0].items():
        expected = before + 0.2 * trainer.model.parameters[name] if name in same else before
        np.testing.assert_allclose(gradients[1][name], expected, rtol=1e-5, atol=1e-6)


def test_a_batch_of_one_example_can_be_memorized(corpus: Corpus) -> None:
    trainer = trained(corpus, [], one_batch=True, batch_size=1)
    assert str(one_batch.irreducible_loss(trainer.config, trainer.data)) == "(0.0, 0)"  # not -0.0


@pytest.mark.slow
def test_one_batch_is_learned_down_to_what_its_contexts_leave_open(corpus: Corpus) -> None:
    trainer = trained(corpus, [], one_batch=True, steps=3000, learning_rate=0.5)
    losses = np.concatenate([trainer.train(500) for _ in range(6)])
    assert np.array_equal(trainer.draw_batches(2)[0], trainer.draw_batches(2)[1])
    floor, alike = one_batch.irreducible_loss(trainer.config, trainer.data)
    assert 1 < alike <= 32
    assert floor > 0
    assert losses[-1] == pytest.approx(floor, abs=0.02)
    assert losses.min() > floor - 1e-5


@pytest.mark.slow
def test_twenty_thousand_steps_rank_the_starting_weights_as_published(names: Corpus) -> None:
    dev = {}
    for name in list(initialization.PRESETS)[:4]:
        model = MLPConfig(**initialization.PRESETS[name])
        trainer = make_trainer(RunConfig(model=model, train=TrainConfig(steps=20_000)), names)
        for _ in range(100):
            trainer.train(200)
        dev[name] = trainer.evaluate("dev")
    everything, output, scaled, kaiming = dev.values()
    assert everything > output + 0.1
    assert output > max(scaled, kaiming) + 0.03
    assert scaled == pytest.approx(kaiming, abs=0.02)  # 2.1027 and 2.1070 in the end: within a run's noise by now
