"""Saturated and dead units: a board of units against examples, and one unit in detail."""

import streamlit as st

from lmcore import figures
from lmcore.inspection.activations import TANH_THRESHOLD, Activations, LayerRecord
from lmcore.inspection.saturation import Saturation, revive_table, saturation, unit_response
from lmcore.training.config import RunConfig
from lmcore.training.history import Snapshot
from ui.computed import computed
from ui.live_chart import Chart, Click, live


def threshold(page: str) -> float:
    """The absolute activation above which a tanh unit counts as saturated."""
    value: float = st.session_state.get(f"{page}.threshold", TANH_THRESHOLD)
    return value


def show(page: str, config: RunConfig, snapshot: Snapshot, activations: Activations) -> None:
    """The board of one layer, its dead units, and one unit: the one clicked, or the first dead one."""
    st.markdown("**Saturation.** White: the unit is saturated for that example, so that almost no gradient passes.")
    if not activations.nonlinear_layers:
        st.info("This model has no activations that can saturate.")
        return
    name, limit = _pick_layer(page, activations)
    layer = activations.nonlinear_layers[name]
    record = saturation(layer, limit)
    finding = f"{record.share:.1%} of the activations are saturated; {len(record.dead)} units are dead."
    alt = f"Units against examples. {finding}"
    clicked = live(Chart.of(figures.saturation(record), alt, revision=name), key=f"{page}.board")
    st.text(finding)
    _show_dead(page, layer, record, limit)
    unit = _pick_unit(page, clicked, record.dead[0] if record.dead else 0, layer.output.shape[1])
    _show_unit(page, config, snapshot, name, unit, limit)


def _pick_layer(page: str, activations: Activations) -> tuple[str, float]:
    """The layer that the visitor chose, and its saturation threshold."""
    layers = activations.nonlinear_layers
    names = list(layers)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.segmented_control("Layer", names, default=names[0], required=True, key=f"{page}.layer")
        name = chosen if chosen in layers else names[0]
        if layers[name].kind != "Tanh":
            return name, TANH_THRESHOLD
        tooltip = "Absolute value of tanh above which a unit counts as saturated."
        key = f"{page}.threshold"
        return name, st.slider("Saturation threshold", 0.5, 0.999, TANH_THRESHOLD, 0.001, key=key, help=tooltip)


def _show_dead(page: str, layer: LayerRecord, record: Saturation, limit: float) -> None:
    with st.expander("Dead units: which bias would revive them?", key=f"{page}.dead"):
        if not record.dead:
            st.text("No unit is dead on this minibatch.")
            return
        table = revive_table(layer, record.dead, limit)
        st.dataframe(table.style.format("{:+.2f}", subset=table.columns[1:]), hide_index=True)


def _pick_unit(page: str, clicked: Click | None, default: int, n_units: int) -> int:
    """The unit that the visitor clicked or chose last; until then the default, which may change during training."""
    state, key, chosen, seen = st.session_state, f"{page}.unit_number", f"{page}.unit_chosen", f"{page}.unit_click"
    unit = state.get(key, default) if state.get(chosen) else default
    if clicked is not None and clicked != state.get(seen) and 0 <= clicked.x < n_units:
        state[seen], state[chosen], unit = clicked, True, int(clicked.x)
    unit = min(unit, n_units - 1)
    if state.get(key) != unit:  # else the field keeps what is being typed
        state[key] = unit
    tooltip = "Unit to look at; you can also click one in the picture above."
    return int(
        st.number_input(
            "Unit", 0, n_units - 1, key=key, help=tooltip, width=160, on_change=state.__setitem__, args=(chosen, True)
        )
    )


def _show_unit(page: str, config: RunConfig, snapshot: Snapshot, layer: str, unit: int, limit: float) -> None:
    """A histogram of one unit's pre-activations, and the contexts with the most extreme ones."""
    record = _unit_response(config, snapshot, layer, unit, limit)
    left, right = st.columns(2)
    with left:
        alt = f"Histogram of the pre-activations of unit {unit}; {record.saturated:.0%} saturated."
        live(Chart.of(figures.unit_response(record), alt), key=f"{page}.unit")
    with right:
        st.text(
            f"Saturated for {record.saturated:.1%} of its {len(record.outputs):,} outputs on training examples. "
            "Contexts with the highest and the lowest pre-activations:"
        )
        with st.container(horizontal=True):
            for table in (record.highest, record.lowest):
                st.dataframe(table.style.format({"pre-activation": "{:+.2f}"}), hide_index=True, width=165)


_unit_response = computed(unit_response, 20_000_000)
