"""What the pages of classifiers share, and the parts of the page Linear classifier."""

import functools
from typing import Any

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data import datasets, tables
from lmcore.data.datasets import LETTERS, MAX_POINTS, TOYS, DataConfig, Dataset
from lmcore.errors import UserError
from lmcore.inspection import decision_regions
from lmcore.inspection.decision_regions import Axis, Learning
from lmcore.models import numpy_linear
from lmcore.models.numpy_linear import LinearClassifier, LogisticConfig, SoftmaxConfig
from lmcore.runs.engine import RunView
from lmcore.training.classifiers import Classifier, ClassifierRunConfig, ClassifierTrainConfig, steps_a_pass
from lmcore.training.history import History, Snapshot, loss_curve
from ui import forms, race
from ui.live_chart import Chart, Click, live
from ui.run import panel
from ui.show_code import source

PAGE = "linear"
TASK = "classify"
FAMILIES: dict[str, type[SoftmaxConfig] | type[LogisticConfig]] = {
    "softmax-regression": SoftmaxConfig,
    "logistic-regression": LogisticConfig,
}
FIELDS = {  # what can be chosen of each kind of data
    "clouds": ["examples", "features", "classes", "separation", "mislabeled"],
    "blobs": ["examples", "features", "classes", "separation"],
    "moons": ["examples", "noise"],
    "circles": ["examples", "noise"],
    "points": [],
}
SPLIT = ["test_share", "normalize", "seed"]
SCHEDULE = ["schedule", "factor", "decay_every", "patience", "min_change", "watch"]
HOLD = ["clip", "clip_at", "early_stopping", "stop_patience"]
DEFAULTS = {"steps": 100_000, "learning_rate": 0.0005, "evaluate_every": 500}  # slow enough to be watched
AXES: dict[str, Axis] = {"steps": "step", "passes": "pass", "seconds": "second"}


# ---------------------------------------------------------------- data


def pick_data(steering: dict[str, Any], fixed: bool) -> tuple[DataConfig, Dataset]:
    """The data of the page, chosen in the sidebar; the page stops, in words, where there are none."""
    prefix = f"{PAGE}_data"
    own: dict[str, str] = st.session_state.setdefault("own_tables", {})
    chosen = st.session_state.get(f"{prefix}_source")
    if chosen and chosen.startswith("text:"):
        own.setdefault(chosen, chosen.partition("-")[2])
    with st.sidebar:
        source = st.selectbox(
            "Data",
            [*TOYS, *own],
            format_func=lambda name: own.get(name, name.capitalize()),
            key=f"{prefix}_source",
            disabled=fixed,
            persist_state="session",
        )
        values: dict[str, Any] = {"source": source, "points": tuple(st.session_state.get(f"{prefix}_points", ()))}
        fields = [*FIELDS.get(source, ["examples"]), *SPLIT]
        try:
            if source in own:
                values |= {"label": _label(source, fixed), "points": ()}
            values |= forms.form(DataConfig, fields, prefix=prefix, **steering, defaults=_data_defaults(source))
        except UserError as error:
            st.error(str(error))
        _offer_upload(fixed)
    config = forms.parse(DataConfig, values)
    try:
        return config, datasets.load(config)
    except UserError as error:
        (st.info if source == "points" else st.error)(str(error))
        if source == "points":
            _draw_empty(config)
        st.stop()


def _data_defaults(source: str) -> dict[str, Any]:
    return {"separation": 1.6, "seed": 7} if source == "clouds" else {"examples": 2000} if ":" in source else {}


def _label(source: str, fixed: bool) -> str:
    header = tables.read(source).header
    key = f"{PAGE}_data_label"
    if st.session_state.get(key) not in header:
        st.session_state[key] = header[-1]
    return str(st.selectbox("Column with the classes", header, key=key, disabled=fixed))


def _offer_upload(fixed: bool) -> None:
    with st.expander("Your own table", icon=":material/upload:"):
        st.file_uploader(
            "A CSV file with a header, one example a line",
            type=["csv", "txt", "tsv"],
            key=f"{PAGE}.upload",
            on_change=_keep_table,
            disabled=fixed,
        )
        if message := st.session_state.get(f"{PAGE}.upload_error"):
            st.error(message)


def _keep_table() -> None:
    """Keeps what was uploaded, and chooses it."""
    file = st.session_state.get(f"{PAGE}.upload")
    st.session_state.pop(f"{PAGE}.upload_error", None)
    if file is None:
        return
    try:
        name = tables.keep(file.getvalue(), file.name)
    except UserError as error:
        st.session_state[f"{PAGE}.upload_error"] = str(error)
        return
    st.session_state.setdefault("own_tables", {})[name] = file.name
    st.session_state[f"{PAGE}_data_source"] = name


def _draw_empty(config: DataConfig) -> None:
    """Where points are to be given by hand and there are too few yet: a sheet to click on."""
    _choose_class(None)
    clicked = live(Chart.of(figures.classifiers.sheet(config.points), "An empty sheet to click on."), key="sheet")
    _add_point(clicked, None)


def _choose_class(view: RunView | None) -> None:
    """Which class a click on the picture gives to its new point."""
    st.segmented_control(
        "A click on the picture adds a point of class",
        list(LETTERS),
        key=f"{PAGE}.brush",
        disabled=view is not None,
        help="Reset the run to add points. They all belong to train.",
        width="content",
    )
    points = st.session_state.get(f"{PAGE}_data_points", ())
    if points and view is None:
        st.button(f"Remove the {len(points)} added", key=f"{PAGE}.unpoint", on_click=_remove_points)


def _remove_points() -> None:
    st.session_state[f"{PAGE}_data_points"] = ()


def _add_point(clicked: Click | None, view: RunView | None) -> None:
    """Adds the point that was clicked, once."""
    brush = st.session_state.get(f"{PAGE}.brush")
    if clicked is None or clicked.part != 0 or view is not None or st.session_state.get(f"{PAGE}.clicked") == clicked:
        return
    st.session_state[f"{PAGE}.clicked"] = clicked
    points = tuple(st.session_state.get(f"{PAGE}_data_points", ()))
    if brush and len(points) < MAX_POINTS:
        point = (round(float(clicked.x), 4), round(float(clicked.y), 4), LETTERS.index(brush))
        st.session_state[f"{PAGE}_data_points"] = (*points, point)
        st.rerun()


# ---------------------------------------------------------------- the live pictures


def measures(snapshot: Snapshot | None) -> tuple[tuple[str, str], ...]:
    """Losses and accuracies of a snapshot, in words."""
    if snapshot is None or snapshot.dev is None:
        return ()
    train, test = snapshot.arrays["accuracy"].tolist()
    return (
        ("Train loss (nats)", f"{snapshot.train:.3f}"),
        ("Test loss (nats)", f"{snapshot.dev:.3f}"),
        ("Right (train, test)", f"{train:.1%}, {test:.1%}"),
    )


@functools.lru_cache(maxsize=128)
def _classifier(config: ClassifierRunConfig, snapshot: Snapshot) -> tuple[Classifier, Dataset]:
    return decision_regions.classifier(config, snapshot)


def classifier(config: ClassifierRunConfig, snapshot: Snapshot) -> tuple[Classifier, Dataset]:
    """The classifier of a snapshot, and its data."""
    return _classifier(settled(config), snapshot)


@functools.lru_cache(maxsize=128)
def _regions(config: ClassifierRunConfig, snapshot: Snapshot) -> Chart:
    model, data = classifier(config, snapshot)
    if len(data.features) == 3 and isinstance(model, LinearClassifier):
        figure, alt = (
            figures.classifiers.space(decision_regions.space(model, data)),
            "Planes that part the classes, in 3-D.",
        )
    else:
        figure, alt = figures.classifiers.regions(decision_regions.regions(model, data)), "Regions of the classes."
    return Chart.of(figure, f"{alt} {_right(snapshot)} of the test examples are right.", columns=6, revision=data.title)


def _right(snapshot: Snapshot) -> str:
    return f"{float(snapshot.arrays['accuracy'][1]):.0%}"


def learning(
    snapshot: Snapshot, data: Dataset, view: RunView | None, page: str, columns: int, log: bool = False
) -> Chart:
    """The loss and the accuracy of a run, live, with everything that acted on it."""
    history, snapshots = (view.history, view.snapshots) if view else (History(), ())
    changes, lost = (view.changes, view.lost) if view else ((), None)
    axis = AXES[st.session_state.get(f"{page}.axis") or "steps"]
    record: Learning = decision_regions.learning(
        history, snapshots or (snapshot,), len(data.classes), axis, changes, lost, from_start=log
    )
    figure = figures.classifiers.learning(record, log_x=log)
    alt = f"Loss and accuracy of the training. Test loss {snapshot.dev:.2f} nats, {_right(snapshot)} right."
    return Chart.of(figure, alt, columns, revision=f"{view.id if view else ''}{axis}{log}")


def axis_controls(page: str) -> bool:
    """What the loss is drawn against; returns whether the axis is logarithmic."""
    st.segmented_control("Loss against", list(AXES), default="steps", key=f"{page}.axis", width="content")
    return st.toggle("Logarithmic", key=f"{page}.logarithmic")


def pictures(snapshot: Snapshot, data: Dataset, view: RunView | None) -> None:
    """Where the classifier puts the boundary, beside its loss."""
    config = _config_of(view)
    flat = len(data.features) == 2 and config.data.source in TOYS
    with st.container(horizontal=True, vertical_alignment="bottom", gap="large"):
        log = axis_controls(PAGE)
        if flat:
            _choose_class(view)
    for remark in data.remarks:
        st.text(remark)
    clicked = live(_regions(settled(config), snapshot), learning(snapshot, data, view, PAGE, 4, log), key="clf.live")
    if flat:
        _add_point(clicked, view)


def settled(config: ClassifierRunConfig) -> ClassifierRunConfig:
    """The config with what decides a snapshot's picture, and no more, so that a changed rate draws nothing again."""
    return config.model_copy(update={"train": ClassifierTrainConfig(seed=config.train.seed)})


def _config_of(view: RunView | None) -> ClassifierRunConfig:
    config = view.config if view else st.session_state[f"{PAGE}.config"]
    assert isinstance(config, ClassifierRunConfig)
    return config


def shown(page: str, config: ClassifierRunConfig, view: RunView | None) -> tuple[Classifier, Dataset, Snapshot]:
    """The classifier that the page's slider chooses, or the untrained one."""
    looked, snapshot = panel.look(page, config, view)
    assert isinstance(looked, ClassifierRunConfig)
    try:
        return (*classifier(looked, snapshot), snapshot)
    except UserError as error:
        st.info(str(error))
        st.stop()


# ---------------------------------------------------------------- right and wrong


def confusion(model: Classifier, data: Dataset, snapshot: Snapshot, key: str) -> None:
    """What each class is taken for; precision and recall."""
    st.write(
        "Rows are what the examples **are**, columns what they are **taken for**: on the diagonal they are right. "
        "*Precision* asks how many of a column are right, *recall* how many of a row."
    )
    part = st.segmented_control("Examples", list(datasets.PARTS), default="test", key=f"{key}.part") or "test"
    record = decision_regions.confusion(model, data, part)
    chart = Chart.of(figures.classifiers.confusion(record), f"Confusion matrix, {record.accuracy:.0%} right.")
    left, right = st.columns([3, 2])
    with left:
        live(chart, key=f"{key}.confusion")
    table = pd.DataFrame(
        {
            "class": record.names,
            "examples": record.counts.sum(1),
            "precision": record.precision,
            "recall": record.recall,
        }
    )
    formats = {"precision": "{:.1%}", "recall": "{:.1%}"}
    right.dataframe(table.style.format(formats, na_rep="–"), hide_index=True)
    right.caption(f"After step {snapshot.step:,}. A dash: none was taken for it, or there is none.")


# ---------------------------------------------------------------- the formula


def formula(config: ClassifierRunConfig, view: RunView | None) -> None:
    """X augmented · theta, in numbers; the loss and its gradient as formulas."""
    model, data, _ = shown(PAGE, config, view)
    assert isinstance(model, LinearClassifier)
    st.write(
        "The bias is no special case: **X** gets a column of ones, **theta** a first row. One product gives all scores."
    )
    record = decision_regions.product(model, data)
    words = f"X augmented, theta augmented, scores and probabilities of the first {len(record.X)} examples."
    live(Chart.of(figures.classifiers.product(record), words), key="clf.product")
    left, right = st.columns(2)
    with left:
        st.markdown("**Logistic regression: binary cross-entropy**")
        st.latex(r"p = \sigma(X\theta) = \frac{1}{1 + e^{-X\theta}}")
        st.latex(r"L = -\frac{1}{N}\sum_i y_i \log p_i + (1 - y_i) \log (1 - p_i)")
        st.latex(r"\frac{\partial L}{\partial\theta} = \frac{1}{N} X^\top (p - y)")
        st.code(source(numpy_linear.binary_cross_entropy), language="python")
    with right:
        st.markdown("**Softmax regression: categorical cross-entropy**")
        st.latex(r"p_{ik} = \frac{e^{(X\theta)_{ik}}}{\sum_j e^{(X\theta)_{ij}}}")
        st.latex(r"L = -\frac{1}{N}\sum_i \log p_{i, y_i}")
        st.latex(r"\frac{\partial L}{\partial\theta} = \frac{1}{N} X^\top (p - \mathrm{onehot}(y))")
        st.code(source(numpy_linear.categorical_cross_entropy), language="python")


# ---------------------------------------------------------------- three descents


def name_of(config: ClassifierRunConfig) -> str:
    """What a run of the race is called."""
    settings = config.train
    return f"minibatch of {settings.batch_size}" if settings.descent == "minibatch" else settings.descent


def compare(config: ClassifierRunConfig, data: Dataset) -> None:
    """Batch, minibatch and stochastic descent on the same data from the same weights, against passes and time."""
    st.write(
        "The same data, the same start, the same number of **passes**: who is lower after a pass, and who after a "
        "**second**? A pass of stochastic descent is many steps."
    )
    passes = st.number_input("Passes", 1, 5000, 300, key=f"{PAGE}_passes", bind="query-params", width=160)
    entrants = {
        kind: _entrant(config, kind, passes, len(data.y_train)) for kind in ("batch", "minibatch", "stochastic")
    }
    race.race(PAGE, entrants, name_of, task=TASK, draw=_draw_descents)


def _entrant(config: ClassifierRunConfig, kind: str, passes: int, N: int) -> ClassifierRunConfig:
    settings = config.train.updated(descent=kind)
    steps = passes * steps_a_pass(settings, N)
    return config.model_copy(
        update={"train": settings.updated(steps=steps, evaluate_every=max(10, min(steps // 40, 10_000_000)))}
    )


def _draw_descents(page: str, named: dict[str, RunView], log: bool) -> None:
    charts = []
    axis: Axis
    for axis in ("pass", "second"):
        curves = {}
        for name, view in named.items():
            curve = loss_curve(view.history, view.snapshots, len(datasets.load(view.config.data).classes))
            curves[name] = decision_regions.rescaled(curve, view.snapshots, axis)
        figure = figures.classifiers.descents(curves, axis, log)
        charts.append(Chart.of(figure, f"Losses of the descents against {axis}es.", 5, revision=f"{axis}{log}"))
    live(*charts, key=f"{page}.race_chart")


# ---------------------------------------------------------------- the surface


def surface(config: ClassifierRunConfig) -> None:
    """The loss over two weights, with the paths of the three descents."""
    model, data = classifier(config, panel.first_look(config))
    assert isinstance(model, LinearClassifier)
    st.write(
        "Each star is where a descent ended: batch takes the **smooth** way, one example at a time **stumbles**. "
        "The other weights are held where minibatches ended, so paths seem to cross the contours."
    )
    names = decision_regions.weight_names(model, data)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        first = st.selectbox("Weight across", names, min(1, len(names) - 1), key=f"{PAGE}.w1.{data.title}", width=200)
        default = min(1 + len(names) // len(model.matrix), len(names) - 1)
        second = st.selectbox("Weight upwards", names, default, key=f"{PAGE}.w2.{data.title}", width=200)
        passes = st.slider("Passes", 1, 200, 40, key=f"{PAGE}.walked", width=220)
        rate = st.select_slider("Rate", [0.003, 0.01, 0.03, 0.1, 0.3, 1.0], 0.1, key=f"{PAGE}.walk_rate", width=220)
    walked = config.model_copy(update={"train": config.train.updated(learning_rate=rate)})
    try:
        figure = _surface(walked, names.index(first), names.index(second), passes)
    except UserError as error:
        st.error(str(error))
        return
    live(figure, key="clf.surface")


@st.cache_resource(max_entries=32, show_spinner="Walking down…", hash_funcs={ClassifierRunConfig: hash})
def _surface(config: ClassifierRunConfig, first: int, second: int, passes: int) -> Chart:
    record = decision_regions.surface(config, first, second, passes)
    return Chart.of(figures.classifiers.surface(record), "Contours of the loss, with the path of each descent.")
