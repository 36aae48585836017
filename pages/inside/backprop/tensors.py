"""The tab Tensor by tensor: how each tensor and its gradient are computed, and their values."""

import streamlit as st

from lmcore import figures
from lmcore.cache import cached
from lmcore.inspection import backprop
from lmcore.inspection.backprop import BackpropPass
from lmcore.inspection.backprop_rules import BACKWARD
from ui.computed import computed
from ui.live_chart import Chart, live

FORWARD = [*reversed(BACKWARD), "loss"]  # tensor names in the order of the forward pass
COLUMNS = {
    "": st.column_config.Column(width=30),
    "tensor": st.column_config.Column(width=120),
    "shape": st.column_config.Column(width=90),
    "difference from autograd": st.column_config.Column(
        "difference", width=90, help="Largest absolute difference between this gradient and autograd's."
    ),
}


forward_backward = computed(backprop.forward_backward, 50_000_000)


def show(record: BackpropPass) -> None:
    """One tensor with its gradient, and a table of all of them."""
    name = _pick_tensor()
    tensor = record.tensors[name]
    st.markdown(f"#### `{name}` and its gradient `d{name}` have shape {tensor.value.shape}")
    st.code(f"{name} = {tensor.rule.forward}\nd{name} = {tensor.rule.gradient}", language="python", wrap_lines=True)
    st.write(tensor.rule.shape_note)
    if inputs := backprop.named_shapes(record, f"{tensor.rule.forward} {tensor.rule.gradient}"):
        st.caption(f"Inputs: {', '.join(inputs)}.")
    live(*_charts(record, name), key="bp.tensors")
    view = backprop.tensor_view(record, name)
    if view.value.size < tensor.value.size:
        st.caption(f"Showing the first {len(view.rows)} rows and {len(view.columns)} columns.")
    table = backprop.overview(record)
    table.insert(0, "", ["▶" if row == name else "" for row in table["tensor"]])
    styled = table.style.format({"difference from autograd": "{:.1e}"})
    st.dataframe(styled, column_config=COLUMNS, hide_index=True, height="content")


def _pick_tensor() -> str:
    """A slider over the tensors, and two buttons that move it one tensor backward or forward."""
    chosen = st.session_state.setdefault("bp.at", "logits")
    at, last = FORWARD.index(chosen), len(FORWARD) - 1
    with st.container(horizontal=True):
        st.button("Backward", key="bp.back", on_click=_go_to, args=(at - 1,), disabled=at == 0, icon=":material/undo:")
        st.button(
            "Forward", key="bp.next", on_click=_go_to, args=(at + 1,), disabled=at == last, icon=":material/redo:"
        )
    return st.select_slider("Tensor, from the embeddings to the loss", FORWARD, key="bp.at", persist_state="session")


def _go_to(at: int) -> None:
    st.session_state["bp.at"] = FORWARD[at]


@cached(max_bytes=50_000_000)
def _charts(record: BackpropPass, name: str) -> tuple[Chart, Chart]:
    view = backprop.tensor_view(record, name)
    return (
        Chart.of(figures.tensor_view(view, compact=True), f"Values of {name}.", columns=5),
        Chart.of(
            figures.tensor_view(view, gradient=True, compact=True),
            f"Gradient of the loss with respect to {name}.",
            columns=5,
        ),
    )
