"""The code at the end of a page: the training as the export writes it, and the functions that make the pictures."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import streamlit as st

from lmcore.families import AnyRunConfig
from lmcore.inspection.expressions import PARSING
from lmcore.runs import scripts
from lmcore.runs.scripts import Experiment
from lmcore.runs.view import RunView
from lmcore.training.classifier import early_stops
from ui.computed import computed

_script = computed(scripts.script, max_bytes=5_000_000, key=repr)


@functools.cache
def source(function: Callable[..., Any] | type) -> str:
    """The source of a function or class."""
    with PARSING:
        return inspect.getsource(function)


def show_code(
    *functions: Callable[..., Any] | type, config: AnyRunConfig | None = None, view: RunView | None = None
) -> None:
    """The expander "Show the code".

    Args:
        functions: functions and classes of lmcore, whose source is shown.
        config: what a page trains, of which the exported script is shown first.
        view: the run on the page, whose changes of settings and steps are those of the script.
    """
    unfolded = st.expander("Show the code", icon=":material/code:", key="show_code", on_change="rerun")
    if not unfolded.open:
        return  # a page draws twice as fast without it
    with unfolded:
        if config is not None:
            st.caption("The training as a script, as the page Runs exports it")
            st.code(_script(_experiment(config, view)), language="python", height=500)
        for function in functions:
            st.caption(f"{function.__module__}.{function.__qualname__}")
            st.code(source(function), language="python")


def _experiment(config: AnyRunConfig, view: RunView | None) -> Experiment:
    if view is None:
        return Experiment.of_run(config, [], 0)
    initial = view.config.model_copy(update={"train": view.initial_train})
    return Experiment.of_run(initial, view.changes, view.step, early_stops(view.snapshots))
