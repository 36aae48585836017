"""A race between the hierarchy and a flat MLP."""

import streamlit as st

from lmcore import families
from lmcore.data.corpora import Corpus
from lmcore.models.mlp import MLPConfig
from lmcore.models.wavenet import WaveNetConfig, parameter_matched_mlp
from lmcore.training.config import RunConfig
from ui import race


def race_of_equal_size(config: RunConfig, architecture: WaveNetConfig, corpus: Corpus) -> None:
    """The model of a config against an MLP with about as many parameters."""
    st.subheader("Flat vs. hierarchical")
    mlp = parameter_matched_mlp(architecture, len(corpus.vocabulary))
    racers = {name_of(racer): racer for racer in (config, config.model_copy(update={"model": mlp}))}
    sizes = [f"{families.count_parameters(racer, corpus):,} ({name})" for name, racer in racers.items()]
    st.text(f"Same text, context length and minibatches. Parameters: {', '.join(sizes)}.")
    race.race("wave", racers, name_of, ["wavenet", "mlp"])


def name_of(config: RunConfig) -> str:
    """How a run is called in the race."""
    if isinstance(config.model, MLPConfig):
        return f"flat, {config.model.hidden} hidden units"
    return "hierarchical"
