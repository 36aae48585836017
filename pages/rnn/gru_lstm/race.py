"""A race between recurrent cells with about as many parameters each."""

import streamlit as st

from lmcore.data.corpora import Corpus
from lmcore.models.recurrent import Cell, RecurrentConfig, count_parameters, parameter_matched
from lmcore.training.config import RunConfig
from ui import race

NAMES: dict[Cell, str] = {"rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
MAX_STEPS = 100_000_000


def race_of_cells(config: RunConfig, architecture: RecurrentConfig, corpus: Corpus) -> None:
    """A plain RNN, a GRU and an LSTM, for the same number of steps or for the same time.

    Args:
        config: the run that the racers differ from in the cell and in the number of hidden units.
        architecture: its model.
        corpus: its text.
    """
    st.write(
        "With the **same number of parameters**, more gates mean fewer units. Which cell wins per step, and which per "
        "minute?"
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        budget = st.segmented_control(
            "Same budget of", ["steps", "time"], default="steps", required=True, key="lstm.race_same"
        )
        minutes = st.number_input(
            "Minutes per run", 0.1, 60.0, 1.0, 0.5, key="lstm.race_minutes", disabled=budget == "steps", width=150
        )
    train = config.train
    if budget == "time":
        train = train.updated(minutes=minutes, steps=MAX_STEPS, schedule="constant")
    models = [parameter_matched(architecture, cell, len(corpus.vocabulary)) for cell in NAMES]
    racers = [config.model_copy(update={"model": model, "train": train}) for model in models]
    sizes = [f"{NAMES[model.cell]} {count_parameters(model, len(corpus.vocabulary)):,}" for model in models]
    note = "" if budget == "steps" else " The learning rate stays constant."
    st.text(f"Parameters: {', '.join(sizes)}.{note}")
    race.race("lstm", {name_of(racer): racer for racer in racers}, name_of, ["recurrent"], by_time=budget == "time")


def name_of(config: RunConfig) -> str:
    """How a run is called in the race, as in "GRU with 145 units"."""
    assert isinstance(config.model, RecurrentConfig)
    return f"{NAMES[config.model.cell]} with {config.model.hidden} units"
