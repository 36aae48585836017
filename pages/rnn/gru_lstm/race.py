"""The race of recurrent cells."""

import streamlit as st

from lmcore.data.corpora import Corpus
from lmcore.models import recurrent
from lmcore.models.recurrent import RecurrentConfig
from lmcore.training.training import RunConfig
from ui import race

PAGE = "lstm"
DEFAULTS = {"steps": 3000, "optimizer": "adam", "learning_rate": 0.004, "evaluate_every": 500}
NAMES = {"rnn": "plain", "gru": "GRU", "lstm": "LSTM"}
MAX_STEPS = 100_000_000


def race_of_cells(config: RunConfig, corpus: Corpus) -> None:
    """A plain layer, a GRU and an LSTM with about as many parameters each: by steps, or by time."""
    assert isinstance(config.model, RecurrentConfig)
    st.write("With **equally many parameters**, more gates mean fewer units. Which one is ahead, and in which unit?")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        same = st.segmented_control(
            "All get the same", ["steps", "time"], default="steps", required=True, key=f"{PAGE}.race_same"
        )
        minutes = st.number_input(
            "Minutes each", 0.1, 60.0, 1.0, 0.5, key=f"{PAGE}.race_minutes", disabled=same == "steps", width=140
        )
    entrants = {}
    for cell in recurrent.CELLS:
        model = recurrent.rival(config.model, cell, len(corpus.vocabulary))
        entrant = config.model_copy(update={"model": model})
        if same == "time":
            limits = {"minutes": minutes, "steps": MAX_STEPS, "schedule": "constant"}
            entrant = entrant.model_copy(update={"train": config.train.updated(**limits)})
        entrants[name_of(entrant)] = entrant
    sizes = [f"{name}: {recurrent.size(run.model, len(corpus.vocabulary)):,}" for name, run in entrants.items()]
    st.text("Parameters: " + ", ".join(sizes) + ("." if same == "steps" else ". The rate stays constant."))
    race.race(PAGE, entrants, name_of, by_time=same == "time")


def name_of(config: RunConfig) -> str:
    """How an entrant is called."""
    assert isinstance(config.model, RecurrentConfig)
    return f"{NAMES[config.model.cell]} with {config.model.hidden} units"
