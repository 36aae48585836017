"""Backpropagation through time compared with central differences and with autograd."""

import functools
import hashlib
from collections.abc import Hashable
from typing import Any

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from lmcore import figures
from lmcore.errors import UserError
from lmcore.inspection import gradient_check
from lmcore.inspection.gradient_check import CharacterSequence, Floats
from lmcore.models.numpy_rnn import RNN, RNNConfig
from lmcore.runs.view import RunView
from lmcore.training.config import RunConfig
from pages.rnn.numpy_rnn.step_by_step import short_sequence
from ui import errors
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.server import engine

TOLERANCE = 1e-6  # relative error of a correct gradient
MAX_CHECKED = 100_000  # weights of a network of which all can be checked: minutes
BLOCK = 400  # weights whose differences a worker computes between two updates of the progress bar


def check(page: str, config: RunConfig, view: RunView | None) -> None:
    """The relative error of the gradient of each parameter, on a sample of its weights or on all of them."""
    st.write("Is backpropagation through time correct? Then every error stays below the **green line**.")
    given = short_sequence(page, config, view, "check")
    if given is None:
        return
    model, _, ids = given
    sequence = CharacterSequence(ids[:-1], ids[1:], np.zeros(model.config.hidden, model.dtype))
    n = len(model.theta)
    few = n <= MAX_CHECKED
    help_text = f"Takes a while: there are {n:,} weights" if few else f"For networks of up to {MAX_CHECKED:,} weights"
    check_all = st.button("Check all weights", key=f"{page}.every", help=help_text, disabled=not few)
    if check_all:
        with st.container(key=f"{page}.progress"):
            progress = _Progress(n)
        try:
            gradients = functools.partial(engine().compute, gradient_check.recurrent_gradients)
            record = gradient_check.check_recurrent_gradients(
                model, sequence, max_entries=None, gradients=gradients, differences=progress.differences
            )
        except UserError as error:
            errors.show(error)
            return
        progress.bar.empty()
    else:
        record = _sampled(model.config, model.theta, sequence)
    chart = Chart.of(
        figures.recurrent_gradient_check(record), "Bar chart of the relative error of each parameter's gradient."
    )
    live(chart, key=f"{page}.check")
    probed = f"all {n:,} weights" if check_all else "a sample of the weights"
    for name, differences, autograd in zip(record.names, record.differences, record.autograd, strict=True):
        message = (
            f"{name}: relative error {differences:.1e} vs. central differences ({probed}), {autograd:.1e} vs. autograd."
        )
        if max(differences, autograd) < TOLERANCE:
            st.success(message, icon=":material/check:")
        else:
            st.error(message, icon=":material/close:")


def _key(config: RNNConfig, theta: Floats, sequence: CharacterSequence) -> Hashable:
    arrays = (theta, sequence.ids, sequence.targets, sequence.state)
    return config, *(hashlib.blake2b(array.tobytes()).digest() for array in arrays)


_sampled = computed(gradient_check.check_recurrent_gradients_of_weights, 1_000_000, key=_key)


class _Progress:
    """Computes central differences in a worker, block by block, and shows how many are done.

    Args:
        total: number of weights.
    """

    def __init__(self, total: int) -> None:
        self.done, self.total = 0, total
        self.bar = st.progress(0.0, "Computing central differences…")

    def differences(
        self, model: RNN, name: str, indices: NDArray[Any], sequence: CharacterSequence, h: float
    ) -> NDArray[np.float64]:
        """See `gradient_check.recurrent_differences`."""
        found = []
        for block in np.array_split(indices, -(-len(indices) // BLOCK)):
            arguments = model.config, model.theta, name, block, sequence, h
            found.append(engine().compute(gradient_check.recurrent_differences_of_weights, *arguments))
            self.done += len(block)
            self.bar.progress(self.done / self.total, f"{name}: {self.done:,} of {self.total:,} weights")
        return np.concatenate(found)
