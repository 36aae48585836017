"""The settings of runs in words and tables."""

from typing import Any

from lmcore.families import run_config_from_settings
from lmcore.runs.settings import describe_settings, non_default_settings, settings_differences
from lmcore.training.config import RunConfig

SMALL = {"locales": ("de_DE",), "hidden": 10, "steps": 400, "evaluate_every": 100}


def config(**settings: Any) -> Any:
    return run_config_from_settings(SMALL | settings)


def test_only_different_settings_are_listed_by_their_dotted_paths() -> None:
    table = settings_differences({"a": config(), "b": config(learning_rate=0.02), "c": config(batch_norm="hidden")})
    assert table.columns.tolist() == ["setting", "a", "b", "c"]
    assert table.to_numpy().tolist() == [
        ["model.batch_norm", "none", "none", "hidden"],
        ["train.learning_rate", "0.1", "0.02", "0.1"],
    ]
    assert settings_differences({"a": config(), "b": config()}).empty


def test_a_setting_that_a_model_lacks_is_a_dash() -> None:
    table = settings_differences({"mlp": config(), "rnn": config(family="rnn")}).set_index("setting")
    assert table.loc["model.context"].tolist() == ["3", "–"]
    assert table.loc["model.sequence", "mlp"] == "–"


def test_settings_are_described_by_what_differs_from_the_defaults() -> None:
    assert describe_settings(config(learning_rate=0.02)) == "hidden 10, learning rate 0.02"
    assert describe_settings(RunConfig()) == "all defaults"
    assert non_default_settings(config().corpus, {"source"}) == ["locales de_DE"]
