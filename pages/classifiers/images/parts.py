"""The parts of the page Image classifier."""

import functools
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data import cifar10, datasets
from lmcore.data import images as given_pictures
from lmcore.data.datasets import IMAGES, DataConfig, Dataset
from lmcore.errors import UserError
from lmcore.inspection import decision_regions
from lmcore.models.numpy_linear import SoftmaxConfig
from lmcore.models.numpy_mlp import MLPClassifier, MLPClassifierConfig
from lmcore.runs.engine import RunView
from lmcore.training.classifiers import Classifier, ClassifierRunConfig
from lmcore.training.history import Snapshot
from pages.classifiers import shared
from pages.classifiers.images.draw import SIDE, draw
from ui import forms
from ui.live_chart import COLUMNS, Chart, live

PAGE = "images"
HALF = COLUMNS // 2
FAMILIES: dict[str, type[SoftmaxConfig] | type[MLPClassifierConfig]] = {
    "mlp-classifier": MLPClassifierConfig,
    "softmax-regression": SoftmaxConfig,
}
FIELDS = {
    "mlp-classifier": ["hidden_layers", "hidden", "hidden_2", "hidden_3", "activation", "initial"],
    "softmax-regression": ["start", "scale"],
}
TITLES = {"digits": "Handwritten digits, 8 × 8", "cifar-10": "CIFAR-10 photographs, 32 × 32"}
DATA = ["examples", "test_share", "normalize", "seed"]
DEFAULTS = {"steps": 20_000, "learning_rate": 0.05, "evaluate_every": 500}


# ---------------------------------------------------------------- data


def pick_data(steering: dict[str, Any], fixed: bool) -> tuple[DataConfig, Dataset]:
    """The pictures of the page, chosen in the sidebar; the page stops, in words, where there are none."""
    prefix = f"{PAGE}_data"
    with st.sidebar:
        options = {"key": f"{prefix}_source", "disabled": fixed, "persist_state": "session"}
        source = st.selectbox("Pictures", IMAGES, format_func=TITLES.__getitem__, **options)
        values = forms.form(DataConfig, DATA, prefix=prefix, **steering, defaults={"examples": 2000})
    if source == "cifar-10" and not cifar10.is_here():
        _offer_download()
    config = forms.parse(DataConfig, values | {"source": source})
    try:
        return config, _load(config)
    except UserError as error:
        st.error(str(error))
        st.stop()


@st.cache_resource(max_entries=4, show_spinner="Reading the pictures…", show_time=True, hash_funcs={DataConfig: hash})
def _load(config: DataConfig) -> Dataset:
    """`datasets.load` keeps the data; this adds a spinner."""
    return datasets.load(config)


def _offer_download() -> None:
    archive = cifar10.CIFAR
    st.info(
        f"{archive.title}: 60,000 photographs of ten kinds of things. {archive.size / 1e6:.0f} MB, for research and "
        f"teaching. You can also put {archive.name} into the data folder.",
        icon=":material/download:",
    )
    if st.button("Download", key=f"{PAGE}.download", type="primary"):
        bar = st.progress(0.0, "Connecting…")
        try:
            cifar10.download(lambda done, total: bar.progress(min(1.0, done / total), f"{done / 1e6:.1f} MB"))
        except UserError as error:
            st.error(f"{error} What has come is kept: the next try goes on from there.")
            st.stop()
        st.rerun()
    st.stop()


# ---------------------------------------------------------------- the live pictures


def pictures(snapshot: Snapshot, data: Dataset, view: RunView | None) -> None:
    """The loss, and what the first layer looks for."""
    config = _config_of(view)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        log = shared.axis_controls(PAGE)
    curve = shared.learning(snapshot, data, view, PAGE, 5, log)
    if view is None:
        live(_gallery(data, HALF), curve, key=f"{PAGE}.pictures")
        st.caption("Before training: some of the examples. While it trains you see here what the weights become.")
        return
    parts = [curve]
    try:
        parts.insert(0, _weights(config, snapshot, 30, HALF))
    except UserError as error:
        st.caption(str(error))
    live(*parts, key=f"{PAGE}.pictures")
    st.caption(_words(config))


def _words(config: ClassifierRunConfig) -> str:
    if config.data.source == "cifar-10":
        return "Each picture is a row of weights; gray is zero, a color pulls towards it."
    return "Each picture is a row of weights: ink where it is **red** speaks for the unit or class, **blue** against."


def _config_of(view: RunView | None) -> ClassifierRunConfig:
    config = view.config if view else st.session_state[f"{PAGE}.config"]
    assert isinstance(config, ClassifierRunConfig)
    return config


@functools.lru_cache(maxsize=8)
def _gallery(data: Dataset, columns: int) -> Chart:
    each, across = (4, 8) if columns == HALF else (6, 12)
    figure = figures.classifiers.gallery(decision_regions.gallery(data, each), across, 100 * columns)
    return Chart.of(figure, f"Some examples of {data.title}, class by class.", columns)


def _weights(config: ClassifierRunConfig, snapshot: Snapshot, most: int, columns: int = COLUMNS) -> Chart:
    return _weights_of(shared.settled(config), snapshot, most, columns)


@functools.lru_cache(maxsize=128)
def _weights_of(config: ClassifierRunConfig, snapshot: Snapshot, most: int, columns: int) -> Chart:
    model, data = shared.classifier(config, snapshot)
    record = decision_regions.weight_pictures(model, data, most)
    across = 6 if columns == HALF else 12
    figure = figures.classifiers.weights(record, across, 100 * columns)
    return Chart.of(figure, f"{len(record.names)} rows of weights as pictures.", columns)


# ---------------------------------------------------------------- further pictures


def examples(data: Dataset) -> None:
    """Some examples of every class."""
    st.write(f"{len(data.y_train):,} examples to learn from, {len(data.y_test):,} held out. Could **you** tell them?")
    live(_gallery(data, COLUMNS), key=f"{PAGE}.gallery")


def mistakes(config: ClassifierRunConfig, view: RunView | None) -> None:
    """The confusion matrix, and the test pictures that the classifier was surest of and wrong."""
    model, data, snapshot = shared.shown(PAGE, config, view)
    shared.confusion(model, data, snapshot, PAGE)
    st.markdown("**The worst mistakes**: what it is, what it was taken for, and how sure the classifier was.")
    record = decision_regions.worst(model, data)
    live(Chart.of(figures.classifiers.gallery(record), f"The {len(record.classes)} worst mistakes."), key="img.worst")


def hidden(config: ClassifierRunConfig, view: RunView | None) -> None:
    """The first layer's weights, and which hidden units are ever on."""
    model, data, snapshot = shared.shown(PAGE, config, view)
    st.write("What each unit of the first layer (or each class) looks for, and which units of an MLP have **died**.")
    settings = view.config if view else config
    assert isinstance(settings, ClassifierRunConfig)
    live(_weights(settings, snapshot, 60), key=f"{PAGE}.first")
    if not isinstance(model, MLPClassifier):
        st.info("A linear classifier has no hidden units. Choose mlp-classifier to see some.")
        return
    record = decision_regions.units(model, data)
    live(Chart.of(figures.classifiers.units(record), "How often each hidden unit is on."), key=f"{PAGE}.units")
    if record.kind == "relu" and sum(record.dead):
        st.warning(f"{sum(record.dead)} units are dead: no example of train switches them on, so they never learn.")


# ---------------------------------------------------------------- your own picture


def own_picture(config: ClassifierRunConfig, view: RunView | None) -> None:
    """Draw a digit, or upload a picture: what the network sees, and what it says."""
    model, data, snapshot = shared.shown(PAGE, config, view)
    if snapshot.step == 0:
        st.info("This classifier is untrained: train it first, then it has something to say.")
    left, right = st.columns([2, 3])
    with left:
        picture = _given(data)
    if picture is None:
        return
    try:
        raw = given_pictures.prepared(picture, data)
    except UserError as error:
        right.info(str(error))
        return
    with right:
        _say(model, data, raw)


def _given(data: Dataset) -> Any:
    assert data.picture is not None
    if data.picture[2] == 1:
        st.write("Draw a **digit**, large, with mouse or finger.")
        ink = draw(f"{PAGE}.sheet")
        if ink is not None:
            return np.repeat(1 - ink.reshape(SIDE, SIDE, 1), 3, axis=2)
    kinds = ["png", "jpg", "jpeg", "gif", "bmp", "webp"]
    file = st.file_uploader("Or upload a picture", type=kinds, key=f"{PAGE}.file")
    if file is None:
        return None
    try:
        return given_pictures.read(file.getvalue())
    except UserError as error:
        st.error(str(error))
        return None


def _say(model: Classifier, data: Dataset, raw: Any) -> None:
    p = decision_regions.probabilities(model, data.scaled(raw[None]))[0]
    best = int(p.argmax())
    st.markdown("**What the network saw**, and what it says")
    seen = Chart.of(figures.classifiers.picture(raw.reshape(data.picture)), "The picture after preprocessing.", 4)
    bars = Chart.of(figures.classifiers.certainties(p, data.classes), f"{data.classes[best]}, {p[best]:.0%} sure.", 6)
    live(seen, bars, key=f"{PAGE}.said")
    st.text(f"Prediction: {data.classes[best]} ({p[best]:.1%})")
    order = np.argsort(-p)[:3]
    table = pd.DataFrame({"class": [data.classes[k] for k in order], "probability": p[order]})
    st.dataframe(table.style.format({"probability": "{:.1%}"}), hide_index=True, width=260)
