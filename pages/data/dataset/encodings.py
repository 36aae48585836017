"""Where the encoding of a text can only be guessed: the guess, and the same line read in other encodings."""

import pandas as pd
import streamlit as st

from lmcore.data import sources, uploads
from lmcore.data.corpora import CorpusConfig
from ui.computed import computed

MAX_SHOWN = 6


_readings = computed(sources.readings, 1_000_000)


def show(config: CorpusConfig) -> None:
    """The readings of a visitor's own text; nothing where its encoding is certain."""
    if not config.source.startswith(uploads.PREFIX) or not (found := _readings(config.source)):
        return
    readings = [reading for reading in found if "\ufffd" not in reading.sample][:MAX_SHOWN]
    with st.container(border=True):
        st.write(
            f"Several encodings fit this text. It is read as **{config.encoding}**. If letters look wrong, choose "
            "another **encoding** in the text options."
        )
        table = {
            "encoding": [reading.encoding for reading in readings],
            "a line of the text": [reading.sample for reading in readings],
        }
        st.dataframe(pd.DataFrame(table), hide_index=True, height="content")
