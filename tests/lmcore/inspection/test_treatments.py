import numpy as np
import pytest

from lmcore.data.corpora import Corpus
from lmcore.inspection.activations import Activations, activations, layer_table
from lmcore.inspection.saturation import diagnose, saturation
from lmcore.inspection.treatments import CASES, TREATMENTS, activations_after, apply_treatment
from lmcore.models import MLPConfig, WaveNetConfig
from lmcore.nn.initialization import GAINS
from lmcore.training.config import RunConfig


@pytest.mark.parametrize("treatment", TREATMENTS)
@pytest.mark.parametrize("model", [MLPConfig(hidden=8, hidden_scale=2), WaveNetConfig(hidden=8, batch_norm=False)])
def test_a_treatment_changes_a_copy_only(treatment: str, model: MLPConfig | WaveNetConfig) -> None:
    config = RunConfig(model=model)
    copy = apply_treatment(config, treatment)
    assert config.model == model
    if treatment == "BatchNorm":
        assert copy.model.batch_norm in (True, "hidden")
    if treatment == "learning rate × 10":
        assert copy.train.learning_rate == pytest.approx(1.0)
    if treatment == "output layer × 0.1":
        assert copy.model.output_scale == pytest.approx(model.output_scale / 10)
    if treatment == "gain 1" and isinstance(model, MLPConfig):
        assert copy.model.hidden_scale == 0.6


@pytest.mark.slow
def test_before_and_after_are_on_the_same_minibatch() -> None:
    config = RunConfig(corpus={"source": "given-names", "locales": ("de_DE",)}, model=MLPConfig(hidden=8))
    before, after = (activations_after(one, 5) for one in (config, apply_treatment(config, "BatchNorm")))
    assert before.contexts == after.contexts
    assert before.loss != after.loss


def case(name: str, corpus: Corpus) -> Activations:
    settings = CASES[name]
    model = {field: value for field, value in settings.items() if field in MLPConfig.model_fields}
    hidden_scale = settings["gain"] / GAINS[model["activation"]]
    return activations(RunConfig(model=MLPConfig(hidden_scale=hidden_scale, **model)), None, corpus)


def test_each_case_shows_what_it_is_called_after(names: Corpus) -> None:
    """In five layers, outputs vanish, saturate or explode depending on the gain; BatchNorm prevents it."""
    records = {name: case(name, names) for name in CASES}
    spread = {
        name: np.array([layer.output.std() for layer in record.nonlinear_layers.values()])
        for name, record in records.items()
    }
    assert spread["healthy"].max() / spread["healthy"].min() < 1.5
    assert spread["vanishing"][-1] < 0.05 * spread["healthy"][-1]
    assert spread["exploding"][-1] > 10 * spread["exploding"][0]
    assert layer_table(records["saturated"])["saturated"].max() > 0.4
    assert layer_table(records["rescued by BatchNorm"])["saturated"].max() < 0.1
    assert saturation(records["dead units"].layers["tanh"]).dead
    for name, words in {
        "healthy": "keep their spread",
        "vanishing": "shrink",
        "saturated": "are saturated",
        "exploding": "grow",
        "dead units": "units are dead",
        "rescued by BatchNorm": "keep their spread",
    }.items():
        assert any(words in sentence for sentence in diagnose(records[name])), name
