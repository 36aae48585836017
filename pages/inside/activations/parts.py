"""The parts of the page Activations & gradients."""

import functools
import math
from typing import Any

import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import activations
from lmcore.inspection.activations import CASES, HEALTHY, TREATMENTS, Inside
from lmcore.models.mlp import GAINS, MLPConfig
from lmcore.runs.engine import RunView
from lmcore.training.history import MAX_KEPT_ALWAYS, History, Snapshot
from lmcore.training.training import MAX_KEPT, DivergedError, RunConfig
from ui import forms
from ui.live_chart import Chart, live
from ui.run import panel
from ui.server import engine

PAGE = "act"
OWN = "my own settings"
KINDS = {
    "outputs": "output",
    "gradients of outputs": "gradient of the output",
    "gradients of weights": "gradient of the weights",
}


# ---------------------------------------------------------------- settings


def case(view: RunView | None, values: dict[str, Any]) -> None:
    """The menu of nets that show one thing each; it shows which of them the settings make."""
    held = values | {"gain": values["hidden_scale"] * GAINS[values["activation"]]}
    matching = (name for name, settings in CASES.items() if all(_equal(held[key], settings[key]) for key in settings))
    st.session_state[f"{PAGE}.case"] = next(matching, OWN)
    help = "Fills in the settings below. Reset first to choose another." if view else "Fills in the settings below."
    names = [*CASES, OWN]
    st.selectbox("Show me", names, key=f"{PAGE}.case", on_change=_choose, disabled=view is not None, help=help)


def _equal(one: Any, other: Any) -> bool:
    return math.isclose(one, other, rel_tol=1e-3) if isinstance(other, float) else bool(one == other)


def _choose() -> None:
    for name, value in CASES.get(st.session_state[f"{PAGE}.case"], {}).items():
        st.session_state[forms.key_of(PAGE, name)] = value


def gain(view: RunView | None) -> dict[str, float]:
    """The slider of the gain, as the setting of the model that it makes."""
    key = forms.key_of(PAGE, "gain")
    if view is not None and isinstance(view.config.model, MLPConfig):
        st.session_state[key] = view.config.model.hidden_scale * GAINS[view.config.model.activation]
    value = st.slider(
        "Gain of the hidden weights",
        0.5,
        3.0,
        HEALTHY["gain"],
        key=key,
        disabled=view is not None,
        bind="query-params",
        help="Kaiming weights are normal × gain / sqrt(inputs); tanh likes 5/3, ReLU √2.",
    )
    activation = st.session_state.get(forms.key_of(PAGE, "activation"), "tanh")
    return {"hidden_scale": value / GAINS[activation]}


# ---------------------------------------------------------------- pictures


@functools.lru_cache(maxsize=128)
def _look(config: RunConfig, snapshot: Snapshot) -> Inside:
    return activations.look(config, snapshot)


def _settled(config: RunConfig) -> RunConfig:
    """The config without what a run may change on its way: it does not matter for a look."""
    return config.model_copy(update={"train": type(config.train)(seed=config.train.seed)})


@functools.lru_cache(maxsize=4096)
def _limits(config: RunConfig, snapshot: Snapshot) -> dict[str, float]:
    return {kind: activations.limit_of(groups) for kind, groups in _groups(_look(config, snapshot)).items()}


def _groups(inside: Inside) -> dict[str, dict[str, activations.Floats]]:
    layers = inside.activations or inside.layers
    return {
        "outputs": {name: layer.out for name, layer in layers.items()},
        "gradients of outputs": {name: layer.grad_out for name, layer in layers.items()},
        "gradients of weights": {name.removesuffix(".weight"): g for name, g in inside.weight_gradients.items()},
    }


def pictures(config: RunConfig) -> panel.More:
    """What `panel.show` draws: updates, histograms, the board, one unit, the layers of a snapshot."""
    return functools.partial(_pictures, config)


def _pictures(config: RunConfig, snapshot: Snapshot, corpus: Corpus, view: RunView | None) -> None:
    config = _settled(view.config if view else config)
    snapshots = list(view.snapshots) if view else []
    losses = panel.loss_chart(corpus, view, snapshots or [snapshot], ["steps"], columns=5)
    if not activations.can_look(snapshot):
        live(losses, key=f"{PAGE}.updates")
        st.info(
            f"Snapshots keep the weights of models with at most {MAX_KEPT_ALWAYS:,} of them, "
            f"of those with at most {MAX_KEPT:,} the last one does."
        )
        return
    inside = _look(config, snapshot)
    history = view.history if view else History()
    record = activations.updates(history, [name.removesuffix(".weight") for name in inside.weights])
    words = "Size of updates beside the weights; -3 is where they should be."
    live(losses, Chart.of(figures.updates(record), words, 5, "updates"), key=f"{PAGE}.updates")
    st.text(f"The net after step {snapshot.step:,}, on the same {len(inside.contexts)} examples at every step:")
    found = activations.findings(inside, st.session_state.get(f"{PAGE}.threshold", activations.THRESHOLD))
    st.info("\n".join(f"- {sentence}" for sentence in found), icon=":material/stethoscope:")
    if told := activations.verdicts(record):
        st.info("\n".join(f"- {sentence}" for sentence in told), icon=":material/lightbulb:")
    _histograms(config, snapshot, snapshots or [snapshot], record)
    _board(config, snapshot, inside)
    _layers(inside)


def _layers(inside: Inside) -> None:
    table = activations.summary(inside, st.session_state.get(f"{PAGE}.threshold", activations.THRESHOLD))
    table["saturated"] = ["–" if math.isnan(share) else f"{share:.1%}" for share in table["saturated"]]
    formats = {"parameters": "{:,}", "mean": "{:+.3f}", "deviation": "{:.3f}", "gradient's deviation": "{:.2e}"}
    st.markdown("**Every layer on this minibatch**")
    st.dataframe(table.style.format(formats), hide_index=True)


def _histograms(config: RunConfig, snapshot: Snapshot, snapshots: list[Snapshot], updates: activations.Updates) -> None:
    ways = ["overlaid", "one below the other"]
    way = st.segmented_control("Histograms", ways, default=ways[0], required=True, key=f"{PAGE}.histograms")
    limits = [_limits(config, one) for one in snapshots if activations.can_look(one)]
    widest = tuple(max(limit[kind] for limit in limits) for kind in KINDS)
    sizes = Chart.of(figures.updates(updates, gradients=True), "Size of gradients beside the weights.", 5, "gradients")
    live(*_charts(config, snapshot, widest, way != ways[0]), sizes, key=f"{PAGE}.distributions")


@functools.lru_cache(maxsize=64)
def _charts(config: RunConfig, snapshot: Snapshot, limits: tuple[float, ...], multiples: bool) -> list[Chart]:
    """The three histograms, over bins that all snapshots of the run share."""
    charts = []
    for (kind, groups), limit in zip(_groups(_look(config, snapshot)).items(), limits, strict=True):
        figure = figures.histograms(activations.histograms(groups, limit), KINDS[kind], multiples)
        charts.append(Chart.of(figure, f"Histograms of the {kind} of each layer.", 5, f"{multiples}"))
    return charts


def _board(config: RunConfig, snapshot: Snapshot, inside: Inside) -> None:
    st.markdown("**Who is stuck?** White: the unit is saturated for that example and learns next to nothing from it.")
    if not inside.activations:
        st.info("This model has no activations that could saturate.")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = list(inside.activations)
        chosen = st.segmented_control("Layer", names, default=names[0], required=True, key=f"{PAGE}.layer")
        layer = chosen if chosen in inside.activations else names[0]
        threshold = activations.THRESHOLD
        if inside.activations[layer].kind == "Tanh":
            threshold = st.slider("Saturated above", 0.5, 0.999, threshold, 0.001, key=f"{PAGE}.threshold")
    record = activations.saturation(inside.activations[layer], threshold)
    figure = figures.saturation_board(record)
    words = f"Units against examples: {record.share:.1%} saturated, {len(record.dead)} units dead."
    clicked = live(Chart.of(figure, words, revision=layer), key=f"{PAGE}.board")
    st.text(words)
    if record.dead:
        table = activations.revival(inside.activations[layer], record.dead, threshold)
        with st.expander(f"{len(record.dead)} dead on this minibatch, and what would wake them"):
            st.dataframe(
                table.style.format({"nearest to 0": "{:+.2f}", "bias must move by": "{:+.2f}"}), hide_index=True
            )
    units = inside.activations[layer].out.shape[1]
    first = record.dead[0] if record.dead else 0
    at = int(clicked.x) if clicked and 0 <= clicked.x < units else first
    _unit(config, snapshot, layer, at, units, threshold)


def _unit(config: RunConfig, snapshot: Snapshot, layer: str, at: int, units: int, threshold: float) -> None:
    index = st.number_input("Unit", 0, units - 1, at, help="Or click one on the board.", width=160)
    record = _unit_record(config, snapshot, layer, int(index), threshold)
    left, right = st.columns(2)
    with left:
        live(
            Chart.of(figures.unit(record), f"Pre-activations of unit {index}; {record.stuck:.0%} saturated."),
            key=f"{PAGE}.unit",
        )
    with right:
        st.text(
            f"Stuck for {record.stuck:.1%} of {len(record.outputs):,} training examples. "
            "It is driven highest, and lowest, by"
        )
        with st.container(horizontal=True):
            for table in (record.highest, record.lowest):
                st.dataframe(table.style.format({"pre-activation": "{:+.2f}"}), hide_index=True, width=165)


@functools.lru_cache(maxsize=64)
def _unit_record(config: RunConfig, snapshot: Snapshot, layer: str, index: int, threshold: float) -> activations.Unit:
    return activations.unit(config, snapshot, layer, index, threshold)


# ---------------------------------------------------------------- treatment


def treatment(config: RunConfig) -> None:
    """A fresh copy of the net with one thing changed, beside the net as it is, on the same minibatch."""
    unfolded = st.expander("Treatment", icon=":material/healing:", key=f"{PAGE}.treatment", on_change="rerun")
    if not unfolded.open:
        return
    with unfolded:
        st.write("A fresh copy with one thing changed, beside the net as it is, on the **same minibatch**.")
        with st.container(horizontal=True, vertical_alignment="bottom"):
            name = st.selectbox("Treatment", list(TREATMENTS), key=f"{PAGE}.remedy", width=260)
            steps = st.select_slider("After steps", [0, 10, 100, 1000], 100, key=f"{PAGE}.after", width=260)
        copy = activations.treated(config, name)
        if copy == config:
            st.info("This net has it already.")
            return
        _beside({"as it is": _after(config, steps), "treated": _after(copy, steps)})


@st.cache_data(max_entries=100, show_spinner="Training two copies…", show_time=True)
def _after_json(config: str, steps: int) -> Inside:
    found: Inside = engine().compute(activations.after, RunConfig.model_validate_json(config), steps)
    return found


def _after(config: RunConfig, steps: int) -> Inside | str:
    """The net after so many steps, or why there is none."""
    try:
        return _after_json(config.model_dump_json(), steps)
    except (UserError, DivergedError) as error:
        return str(error)


def _beside(nets: dict[str, Inside | str]) -> None:
    groups: dict[str, dict[str, dict[str, activations.Floats]]] = {}
    for word, net in nets.items():
        if isinstance(net, str):
            st.error(f"{word.capitalize()}: {net}")
        else:
            st.text(f"Loss {word}: {net.loss:.3f}")
            groups[word] = _groups(net)
    charts = []
    for kind, title in KINDS.items():
        limit = max((activations.limit_of(group[kind]) for group in groups.values()), default=1.0)
        for word, group in groups.items():
            figure = figures.histograms(activations.histograms(group[kind], limit), f"{title}, {word}")
            charts.append(Chart.of(figure, f"Histograms of the {kind}, {word}.", 5))
    if charts:
        live(*charts, key=f"{PAGE}.beside")
