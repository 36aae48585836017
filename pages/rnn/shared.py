"""Shared by the pages on recurrent networks: statistics of a run, a sampled passage, its words, and hidden units."""

import math
from typing import Any

import streamlit as st

from lmcore import families, figures
from lmcore.cache import default_key
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.families import SnapshotReader
from lmcore.generation import sampling, surprise
from lmcore.generation.sampling import SampleConfig, Samples
from lmcore.inspection import hidden_units, sampled_words
from lmcore.models.numpy_rnn import RNNConfig
from lmcore.models.recurrent import RecurrentConfig
from lmcore.runs.view import RunView
from lmcore.training.checkpoint import BEST
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot
from ui import errors, load
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.run import panel, time_slider
from ui.server import engine

WEIGHTS = {"last": "", "best so far": BEST}
LENGTHS = [10_000, 30_000, 100_000, 300_000, 1_000_000]  # characters of a sample whose words are counted
MAX_WORDS = 20


def statistics(config: RunConfig) -> panel.Draw:
    """What `panel.show` draws below a run, or below the untrained network that ``config`` describes."""

    def draw(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
        model = view.config.model if view else config.model
        assert isinstance(model, RNNConfig | RecurrentConfig)
        smoothed, lowest = snapshot.arrays["smoothed_loss"].tolist()
        dev, train = snapshot.loss("dev"), snapshot.loss("train")
        split, loss = ("Train", train) if dev is None else ("Dev", dev)
        assert loss is not None
        st.text(
            f"Smoothed loss per sequence of {model.sequence} characters: {smoothed:.2f} nats (lowest: {lowest:.2f}). "
            f"Epochs: {snapshot.arrays['epochs'].item():.2f}. "
            f"{split} perplexity: {math.exp(min(loss, 50)):.2f}, or {loss / math.log(2):.3f} bits per character."
        )
        speed = view.steps_per_second * snapshot.examples / snapshot.step if view and snapshot.step else 0.0
        st.text(f"Characters per second: {f'{speed:,.0f}' if speed else '–'}.")

    return draw


def look(page: str, config: RunConfig, view: RunView | None) -> tuple[RunConfig, Snapshot, Corpus]:
    """The snapshot that a tab looks into, and the config and the text of its run."""
    looked, snapshot = time_slider.selected_snapshot(page, config, view)
    assert isinstance(looked, RunConfig)
    return looked, snapshot, load.corpus(looked.corpus)


def reader_of(config: RunConfig, snapshot: Snapshot, which: str = "") -> SnapshotReader | None:
    """The network of a snapshot; None, with a message on the page, if the snapshot has no weights.

    Args:
        config: the run's.
        snapshot: of the run.
        which: one of the values of `WEIGHTS`.
    """
    try:
        return families.make_reader(config, snapshot, load.corpus(config.corpus), which)
    except UserError as error:
        errors.show(error, st.info)
        return None


# ---------------------------------------------------------------- a passage


def passage(page: str, config: RunConfig, view: RunView | None) -> None:
    """A sampled text, each character colored by its surprise, and how one of them was drawn."""
    st.write(
        "The darker a character, the more **surprising** it was to the model that drew it; click one to see the "
        "alternatives."
    )
    config, snapshot, corpus = look(page, config, view)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        weights = st.selectbox(
            "Weights",
            list(WEIGHTS),
            key=f"{page}.which",
            width=125,
            help="Weights after the last step, or those with the lowest smoothed loss so far",
        )
        values = _sampling_widgets(page)
    prompt = st.text_input("Prompt", key=f"{page}.prompt", max_chars=500, help="Text that the model reads first")
    reader = reader_of(config, snapshot, WEIGHTS[weights])
    if reader is None:
        return
    settings = SampleConfig(count=1, prefix=prompt, **values)
    samples = _draw(reader, corpus, settings, False)
    record = surprise.surprise(corpus, samples)
    alt = f"A sampled text of {len(record.characters)} characters after step {snapshot.step}, colored by surprise."
    chart = Chart.of(figures.annotated_text(record, "Surprise (nats)"), alt, revision=f"{settings}{snapshot.step}")
    clicked = live(chart, key=f"{page}.passage")
    position = int(clicked.customdata) if clicked and clicked.customdata is not None else 0
    if position < len(record.characters):
        _how_drawn(page, reader, corpus, settings, samples, position)


def _sampling_widgets(page: str) -> dict[str, Any]:
    def description(name: str) -> str | None:
        return SampleConfig.model_fields[name].description

    return {
        "temperature": st.slider(
            "Temperature", 0.0, 2.0, 0.8, 0.05, key=f"{page}.temperature", width=130, help=description("temperature")
        ),
        "top_k": st.number_input("Top-k", 0, 1000, 0, key=f"{page}.top_k", width=100, help=description("top_k")),
        "top_p": st.slider("Top-p", 0.05, 1.0, 1.0, 0.05, key=f"{page}.top_p", width=120, help=description("top_p")),
        "length": st.number_input("Characters", 100, 5000, 1000, 100, key=f"{page}.length", width=105),
        "seed": st.number_input("Seed", 0, 10**9, 42, key=f"{page}.sample_seed", width=95, help=description("seed")),
    }


def _how_drawn(
    page: str, reader: SnapshotReader, corpus: Corpus, settings: SampleConfig, samples: Samples, position: int
) -> None:
    step = engine().compute(sampling.sampling_step, reader, corpus, settings, samples, position)
    label = corpus.vocabulary.labels[step.chosen]
    probability = step.probabilities[step.chosen]
    st.text(f"Character {position + 1} is {label!r}, drawn with a probability of {probability:.1%}:")
    distributions = {"sampled from": step.probabilities, "model": step.model_probabilities}
    figure = figures.probability_bars(distributions, corpus.vocabulary.labels, step.chosen, step.uniform)
    live(Chart.of(figure, f"Probabilities that character {position + 1} was drawn from."), key=f"{page}.alternatives")


_draw = computed(sampling.draw, 10_000_000, "Sampling…")


# ---------------------------------------------------------------- words


def words(page: str, config: RunConfig, view: RunView | None) -> None:
    """How often words occur in a long sample, and how many sampled words are words of the text."""
    config, snapshot, corpus = look(page, config, view)
    if reader_of(config, snapshot) is None:
        return
    st.write("A network that has learned to spell samples **real words**, about as often as they occur in its text.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        frequent = " ".join(_frequent_words(corpus))
        given = st.text_input(
            "Words of interest", frequent, max_chars=300, key=f"{page}.words.{corpus.name}", width=420
        )
        length = st.select_slider(
            "Characters to sample",
            LENGTHS,
            LENGTHS[1],
            format_func=lambda n: f"{n:,}",
            key=f"{page}.sample_length",
            width=280,
        )
    wanted = tuple(dict.fromkeys(given.split()))[:MAX_WORDS]
    record = _count_words(config, snapshot, wanted, length)
    with st.container(horizontal=True):
        st.metric("Sampled words", f"{record.total:,}", width=180)
        st.metric("Found in the text", f"{record.share_known:.1%}", width=180)
    styled = record.table.style.format(
        {"per 10,000 characters": "{:.2f}", "in the text": "{:.2f}", "sampled": "{:,}", "first after": "{:,.0f}"},
        na_rep="–",
    )
    st.dataframe(styled, hide_index=True)
    if record.invented:
        st.text("Most frequent invented words: " + ", ".join(record.invented))
    if view is not None and not view.status.is_active and len(view.snapshots) > 1:
        _known_words_over_time(page, config, view.snapshots)


def _known_words_over_time(page: str, config: RunConfig, snapshots: tuple[Snapshot, ...]) -> None:
    shares = _known_word_shares(config, snapshots)
    alt = "Line chart of the share of sampled words that occur in the text, over steps."
    live(Chart.of(figures.known_word_shares(shares), alt), key=f"{page}.known")


_frequent_words = computed(sampled_words.frequent_words, 1_000_000)
_count_words = computed(
    sampled_words.count_words, 5_000_000, "Sampling…", key=lambda config, *arguments: default_key(*arguments)
)
_known_word_shares = computed(
    sampled_words.known_word_shares,
    1_000_000,
    "Sampling from every snapshot…",
    key=lambda config, snapshots: default_key(snapshots),
)


# ---------------------------------------------------------------- hidden units


def units(page: str, config: RunConfig, view: RunView | None) -> None:
    """A text colored by the activation of one hidden unit, and the units that follow a feature of the text."""
    config, snapshot, corpus = look(page, config, view)
    reader = reader_of(config, snapshot)
    if reader is None:
        return
    st.write(
        "Each hidden unit is one number that persists from character to character; look for units with a **meaning**."
    )
    text = st.text_area("Text", _held_out(corpus), height=100, max_chars=2000, key=f"{page}.text.{corpus.name}")
    text = corpus.vocabulary.composed(text)
    try:
        ids = corpus.encode(text, allow_boundary=True)
    except UserError as error:
        errors.show(error)
        return
    states = engine().compute(hidden_units.hidden_states, reader, ids)  # (L, H)
    left, right = st.columns(2)
    with left:
        unit = _unit_of_feature(f"{page}.features.{snapshot.step}", text, states)
    with right:
        key = f"{page}.unit.{snapshot.step}.{unit}"
        unit = int(st.number_input("Unit", 0, states.shape[1] - 1, unit, width=140, key=key))
        if isinstance(config.model, RecurrentConfig) and config.model.layers > 1:
            st.caption(f"Units are numbered from the lowest layer up, {config.model.hidden} per layer.")
        st.markdown("**Phrases with the highest activation at their end**")
        phrases = hidden_units.top_phrases(text, states, unit)
        st.dataframe(phrases.style.format({"activation": "{:+.2f}"}), hide_index=True)
    figure = figures.annotated_text(
        surprise.annotate(corpus, ids, states[:, unit]), f"Activation of unit {unit}", signed=True
    )
    live(Chart.of(figure, f"The text colored by the activation of unit {unit}."), key=f"{page}.units")


_held_out = computed(hidden_units.held_out_text, 5_000_000)


def _unit_of_feature(key: str, text: str, states: hidden_units.Floats) -> int:
    """A table of features, each with its best unit; the unit of the row selected, else of the strongest correlation."""
    table = hidden_units.best_units(text, states)
    st.markdown("**Units that follow a feature of the text** (select a row)")
    selected = st.dataframe(
        table.style.format({"correlation": "{:+.2f}"}),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=key,
    )
    if table.empty:
        return 0
    rows = selected.selection.rows
    return int(table["unit"].iloc[rows[0] if rows else int(table["correlation"].abs().argmax())])
