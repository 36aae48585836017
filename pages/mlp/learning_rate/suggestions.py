"""The learning rates that the rules suggest."""

from collections.abc import Callable

import streamlit as st

from lmcore.inspection.lr_finder import RULES, Finding
from lmcore.training.config import RunConfig
from ui import address, forms, navigation


def rules(found: Finding, config: RunConfig) -> None:
    """One line per rule: a button that opens the MLP page with its learning rate, and how it reads the curve."""
    for name, rate in found.suggestions.items():
        left, right = st.columns([1, 2], vertical_alignment="center")
        if left.button(f"Use {rate:.2g} on the MLP page", key=f"lr.use.{name}", width="stretch"):
            _open_mlp_page(rate, config)
        right.markdown(f"**{name}**: {RULES[name][1]}")


def _open_mlp_page(rate: float, config: RunConfig) -> None:
    """Opens the MLP page with this learning rate, and with the settings that it was found for."""
    settings = config.model.model_dump(exclude={"family"}, exclude_defaults=True)
    settings |= config.train.model_dump(include={"optimizer", "batch_size", "seed"}, exclude_defaults=True)
    settings |= {"learning_rate": float(f"{rate:.3g}")}
    parameters = address.parameters({forms.key_of("mlp", name): value for name, value in settings.items()})
    st.switch_page(navigation.find("mlp/mlp").script, query_params=parameters)


def name_of_run(found: Finding) -> Callable[[RunConfig], str]:
    """A function that names a run of the race after the rules that suggested its rate, as in "valley 0.18"."""

    def name_of(config: RunConfig) -> str:
        rate = f"{config.train.learning_rate:.3g}"
        names = [name for name, suggested in found.suggestions.items() if f"{suggested:.3g}" == rate]
        return f"{', '.join(names) or 'learning rate'} {rate}"

    return name_of
