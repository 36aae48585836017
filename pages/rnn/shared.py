"""The parts of the pages of recurrent networks, whether from scratch or in PyTorch."""

import functools
import itertools
import math

import numpy as np
import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.generation import passages, sampling
from lmcore.generation.sampling import Drawn, SampleConfig, StateReader
from lmcore.inspection import backprop_through_time
from lmcore.inspection.neural_bigram import Stage
from lmcore.models.numpy_rnn import RNN, Floats, Ids, RNNConfig
from lmcore.models.recurrent import RecurrentConfig, RecurrentNet
from lmcore.runs.engine import RunView
from lmcore.training import trainers
from lmcore.training.history import Snapshot
from lmcore.training.training import RunConfig
from ui.live_chart import Chart, live
from ui.run import panel
from ui.server import engine

MAX_UNROLLED = 40  # characters
LENGTHS = [10_000, 30_000, 100_000, 300_000, 1_000_000]
WANTED = 1e-6  # relative error of a gradient
PIECE = 400  # weights whose differences are taken between two moves of the progress bar
WHICH = {"the last": trainers.LAST, "the best until now": trainers.BEST}


def numbers(snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    """Beside loss and samples: the smoothed loss as in the literature, epochs, perplexity, bits."""
    model = view.config.model if view else RNNConfig()
    assert isinstance(model, RNNConfig | RecurrentConfig)
    smoothed, best = snapshot.arrays["smoothed"].tolist()
    dev = snapshot.dev if snapshot.dev is not None else snapshot.train
    st.text(
        f"Smoothed loss of a sequence of {model.sequence} characters: {smoothed:.2f} nats (lowest {best:.2f}). "
        f"Epochs: {float(snapshot.arrays['epoch'][0]):.2f}. "
        f"Dev: perplexity {math.exp(min(dev, 50)):.2f}, {dev / math.log(2):.3f} bits per character."
    )
    if view is not None and view.steps_per_second > 0:
        lanes = view.config.train.batch_size if isinstance(model, RecurrentConfig) else 1
        st.text(f"{view.steps_per_second * lanes * model.sequence:,.0f} characters per second.")


def _look(page: str, config: RunConfig, view: RunView | None) -> tuple[RunConfig, Snapshot]:
    looked, snapshot = panel.look(page, config, view)
    assert isinstance(looked, RunConfig)
    return looked, snapshot


@functools.lru_cache(maxsize=32)
def _network(config: RunConfig, snapshot: Snapshot, which: str) -> RNN | RecurrentNet:
    return trainers.network(config, corpora.load(config.corpus), snapshot, which)


def _model(config: RunConfig, snapshot: Snapshot, which: str = trainers.LAST) -> RNN | RecurrentNet | None:
    try:
        return _network(config.model_copy(update={"train": type(config.train)()}), snapshot, which)
    except UserError as error:
        st.info(str(error))
        return None


# ---------------------------------------------------------------- a passage


def passage(page: str, config: RunConfig, view: RunView | None) -> None:
    """A long text, each character colored by how surprised the network was by it."""
    st.write("The darker a character, the more its own writer was **surprised** by it; click one to see its rivals.")
    config, snapshot = _look(page, config, view)
    corpus = corpora.load(config.corpus)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = st.selectbox("Network", list(WHICH), key=f"{page}.which", width=175)
        temperature = st.slider("Temperature", 0.0, 2.0, 0.8, 0.05, key=f"{page}.temperature", width=150)
        top_k = st.number_input("Top-k (0: all)", 0, 1000, 0, key=f"{page}.top_k", width=110)
        top_p = st.slider("Top-p", 0.05, 1.0, 1.0, 0.05, key=f"{page}.top_p", width=130)
        length = st.number_input("Characters", 100, 5000, 1000, 100, key=f"{page}.length", width=115)
        seed = st.number_input("Dice", 0, 10**9, 42, key=f"{page}.dice", width=105)
    prompt = st.text_input("Prompt", key=f"{page}.prompt", max_chars=500, help="Primes the hidden state.")
    model = _model(config, snapshot, WHICH[which])
    if model is None:
        return
    reader = StateReader(model, trainers.first_character(corpus))
    settings = SampleConfig(
        count=1, seed=seed, temperature=temperature, prefix=prompt, length=length, top_k=top_k, top_p=top_p
    )
    try:
        drawn = _drawn(reader, corpus, settings)
    except UserError as error:
        st.error(str(error))
        return
    record = passages.passage(corpus, drawn)
    words = f"A text of {length} characters after step {snapshot.step}, colored by surprise."
    chart = Chart.of(figures.passage(record, "surprise (nats)"), words, revision=f"{settings}{snapshot.step}")
    clicked = live(chart, key=f"{page}.passage")
    at = int(clicked.customdata) if clicked and clicked.customdata is not None else 0
    if at < len(record.characters):
        one = passages.how_drawn(reader, corpus, settings, drawn, at)
        st.text(f"Character {at + 1}, {record.characters[at]!r}, was drawn with {one.drawn_from[one.chosen]:.1%}, from")
        figure = figures.how_drawn(one, corpus.vocabulary.labels)
        live(Chart.of(figure, f"What character {at + 1} was drawn from, and the dart."), key=f"{page}.rivals")


@functools.lru_cache(maxsize=32)
def _drawn(reader: StateReader, corpus: Corpus, settings: SampleConfig) -> Drawn:
    return sampling.draw(reader, corpus, settings, onward=True)


# ---------------------------------------------------------------- words


def words(page: str, config: RunConfig, view: RunView | None) -> None:
    """Words of interest in a long sample, and how many sampled words are words at all."""
    config, snapshot = _look(page, config, view)
    corpus = corpora.load(config.corpus)
    if _model(config, snapshot) is None:
        return
    st.write("A network that has learned to spell writes **words that exist**, about as often as its text has them.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        frequent = passages.frequent_words(corpus)
        key = f"{page}.words.{corpus.title}"
        given = st.text_input("Words of interest", " ".join(frequent), max_chars=300, key=key, width=420)
        length = st.select_slider(
            "Characters to draw", LENGTHS, LENGTHS[1], format_func=lambda n: f"{n:,}", key=f"{page}.many", width=280
        )
    try:
        record = _words(config, snapshot, tuple(dict.fromkeys(given.split()))[:20], length)
    except UserError as error:
        st.error(str(error))
        return
    with st.container(horizontal=True):
        st.metric("Words drawn", f"{record.total:,}", width=180)
        st.metric("Of them in the text", f"{record.share:.1%}", width=180)
    formats = {"per 10,000 characters": "{:.2f}", "in the text": "{:.2f}", "sampled": "{:,}", "first after": "{:,.0f}"}
    st.dataframe(record.table.style.format(formats, na_rep="–"), hide_index=True)
    if record.invented:
        st.text("Invented most often: " + ", ".join(record.invented))
    snapshots = tuple(view.snapshots) if view and not view.status.is_active else ()
    if len(snapshots) > 1:
        try:
            shares = _known_words(config, snapshots)
        except UserError as error:
            st.error(str(error))
            return
        live(Chart.of(figures.known_words(shares), "Share of known words over the steps."), key=f"{page}.known")


@functools.lru_cache(maxsize=32)
def _words(config: RunConfig, snapshot: Snapshot, wanted: tuple[str, ...], characters: int) -> passages.Words:
    with st.spinner("Drawing…", show_time=True):
        record: passages.Words = engine().compute(passages.words, config, snapshot, wanted, characters)
    return record


@functools.lru_cache(maxsize=32)
def _known_words(config: RunConfig, snapshots: tuple[Snapshot, ...]) -> list[tuple[int, float]]:
    with st.spinner("Drawing from every snapshot…", show_time=True):
        shares: list[tuple[int, float]] = engine().compute(passages.known_words, config, snapshots)
    return shares


# ---------------------------------------------------------------- hidden units


def units(page: str, config: RunConfig, view: RunView | None) -> None:
    """A text colored by what one unit does, and the units that go best with what one can name."""
    config, snapshot = _look(page, config, view)
    corpus = corpora.load(config.corpus)
    model = _model(config, snapshot)
    if model is None:
        return
    st.write("Each unit is a number that lives on from character to character: some learn what one can **name**.")
    example = corpus.vocabulary.decode(corpus.streams["dev"][:1200]).replace(corpus.boundary or "\0", " ")
    known = set(corpus.vocabulary.characters)
    example = "".join(character for character in example if character in known)
    text = st.text_area("Text", example, height=100, max_chars=2000, key=f"{page}.text.{corpus.title}")
    try:
        ids = passages.encode(corpus, text)
    except UserError as error:
        st.error(str(error))
        return
    states = passages.activations(model, ids)
    table = passages.gallery(text, states)
    left, right = st.columns([1, 1])
    with left:
        st.markdown("**Units that go with something** (choose a line)")
        chosen = st.dataframe(
            table.style.format({"correlation": "{:+.2f}"}),
            hide_index=True,
            on_select="rerun",
            selection_mode="single-row",
            key=f"{page}.gallery.{snapshot.step}",
        )
    best = int(table["correlation"].abs().argmax()) if len(table) else 0
    row = chosen.selection.rows[0] if chosen.selection.rows else best
    first = int(table["unit"].iloc[row]) if len(table) else 0
    with right:
        unit = int(
            st.number_input(
                "Unit", 0, states.shape[1] - 1, first, width=140, key=f"{page}.unit.{snapshot.step}.{first}"
            )
        )
        if config.model.family == "recurrent" and config.model.layers > 1:
            st.caption(f"Units count from the lowest layer up, {config.model.hidden} each.")
        st.markdown("**Phrases that end where it is highest**")
        st.dataframe(passages.phrases(text, states, unit).style.format({"activation": "{:+.2f}"}), hide_index=True)
    figure = figures.passage(passages.watched(corpus, ids, states, unit), f"unit {unit}", signed=True)
    live(Chart.of(figure, f"The text colored by the activation of unit {unit}."), key=f"{page}.units")


# ---------------------------------------------------------------- slow motion


def _sequence(page: str, config: RunConfig, view: RunView | None, key: str) -> tuple[RNN, Corpus, Ids] | None:
    """The network from scratch as it is, and a short text to unroll it over."""
    config, snapshot = _look(page, config, view)
    corpus = corpora.load(config.corpus)
    model = _model(config, snapshot)
    if not isinstance(model, RNN):
        return None
    example = corpora.example(corpus, 24)
    text = st.text_input("Text", example, max_chars=MAX_UNROLLED, key=f"{page}.{key}.{corpus.title}", width=320)
    try:
        ids = passages.encode(corpus, text)
    except UserError as error:
        st.error(str(error))
        return None
    if len(ids) < 2:
        st.error("Type at least two characters.")
        return None
    return model, corpus, ids.astype(np.int64)


def slow_motion(page: str, config: RunConfig, view: RunView | None) -> None:
    """One step on a short text: every tensor with its gradient, and how gradients fade on their way back."""
    st.write(
        "One step, unrolled: read the left pictures **down**, forward through time, and the right ones **up**, "
        "as each gradient of h gets its share from the output and, through W, from all that comes later."
    )
    given = _sequence(page, config, view, "unrolled")
    if given is None:
        return
    model, corpus, ids = given
    h = np.zeros(model.config.hidden, model.dtype)
    record = backprop_through_time.unroll(model.copy(model.dtype), ids[:-1], ids[1:], h)
    names = [corpus.vocabulary.labels[i] for i in ids]
    rows = [f"{before}→{after}" for before, after in itertools.pairwise(names)]
    units = [str(i) for i in range(model.config.hidden)]
    labels = list(corpus.vocabulary.labels)
    st.text(f"Loss of the sequence: {record.losses.sum():.3f} nats, {record.losses.mean():.3f} per character.")
    stages = [
        Stage("a", "W h[t-1] + U x + b", record.a, record.d_a, rows, units),
        Stage("h", "tanh(a)", record.h, record.d_h, rows, units),
        Stage("h from its own output", "d_o @ V", record.h, record.from_output, rows, units),
        Stage("h from later", "d_a[t+1] @ W", record.h, record.from_later, rows, units),
        Stage("o", "V h + c", record.o, record.d_o, rows, labels),
        Stage("p", "softmax(o)", record.p, record.d_p, rows, labels),
        Stage("W", "the weights", model.W, record.gradients["W"], units, units),
    ]
    charts = []
    for stage in stages:
        split = stage.name.startswith("h from")
        for gradient in (True,) if split else (False, True):
            alt = f"{'Gradient of ' if gradient else ''}{stage.name}, {stage.shape[0]} by {stage.shape[1]}."
            charts.append(Chart.of(figures.step_tensor(stage, gradient), alt, columns=5))
    live(*charts, key=f"{page}.unrolled")
    _fading(page, model, ids, h)


def _fading(page: str, model: RNN, ids: Ids, h: Floats) -> None:
    own = backprop_through_time.spectral_radius(model.W)
    st.markdown("**Fading and exploding**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rescale = st.toggle("Rescale W", key=f"{page}.rescale", help="To the spectral radius beside, in a copy.")
        radius = st.slider(
            "Spectral radius", 0.1, 3.0, 1.0, 0.05, key=f"{page}.radius", disabled=not rescale, width=280
        )
        st.text(f"W's own: {own:.3f}")
    try:
        record = backprop_through_time.fading(model, ids[:-1], ids[1:], h, radius if rescale else None)
    except UserError as error:
        st.error(str(error))
        return
    words = "Norm of the gradient of the last loss against the distance back in time."
    live(Chart.of(figures.fading(record), words), key=f"{page}.fading")


def gradient_check(page: str, config: RunConfig, view: RunView | None) -> None:
    """Backpropagation through time against central differences and autograd."""
    st.write("Is backpropagation through time right? Below the **green line** it is.")
    given = _sequence(page, config, view, "check")
    if given is None:
        return
    model, _, ids = given
    all_weights = st.button(
        "Check every weight", key=f"{page}.every", help=f"{len(model.theta):,} of them, in workers."
    )
    arguments = model, ids[:-1], ids[1:], np.zeros(model.config.hidden, model.dtype)
    if all_weights:
        with st.container(key=f"{page}.progress"):
            progress = _Progress(len(model.theta))
        try:
            record = backprop_through_time.check(*arguments, entries=None, differences=progress.differences)
        except UserError as error:
            st.error(str(error))
            return
        progress.bar.empty()
    else:
        record = backprop_through_time.check(*arguments)
    probed = f"every one of the {len(model.theta):,} weights" if all_weights else "some weights of each parameter"
    chart = Chart.of(figures.time_check(record), "Relative error of each parameter's gradient.")
    live(chart, key=f"{page}.check")
    for name, differences, autograd in zip(record.names, record.differences, record.autograd, strict=True):
        right = max(differences, autograd) < WANTED
        words = f"{name}: {differences:.1e} from central differences of {probed}, {autograd:.1e} from autograd."
        (st.success if right else st.error)(words, icon=":material/check:" if right else ":material/close:")


class _Progress:
    """Central differences taken by a worker, piece by piece, with a bar that tells how far they are."""

    def __init__(self, total: int) -> None:
        self.done, self.total = 0, total
        self.bar = st.progress(0.0, "Taking differences…")

    def differences(
        self, model: RNN, name: str, indices: Ids, ids: Ids, targets: Ids, state: Floats, h: float
    ) -> Floats:
        """As `backprop_through_time.central_differences`."""
        found = []
        for piece in np.array_split(indices, -(-len(indices) // PIECE)):
            arguments = model.config, model.theta, name, piece, ids, targets, state, h
            found.append(engine().compute(backprop_through_time.differences_of, *arguments))
            self.done += len(piece)
            self.bar.progress(self.done / self.total, f"{name}: {self.done:,} of {self.total:,} weights")
        return np.concatenate(found)
