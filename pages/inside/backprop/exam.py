"""The parts of the Backprop page."""

import functools

import pandas as pd
import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.inspection import backprop, expressions
from lmcore.inspection.backprop import BACKWARD, QUESTIONS, Pass, Question, Verdict
from ui.live_chart import Chart, live

FORWARD = [*reversed(BACKWARD), "loss"]
WIDTHS = {
    name: st.column_config.Column(width=pixels)
    for name, pixels in {"": 30, "tensor": 120, "shape": 90, "from autograd": 110}.items()
}


def one_pass(corpus: Corpus, seed: int) -> Pass:
    """The pass of a seed; the page stops, in words, where there is none."""
    try:
        return _one_pass(corpus, seed)
    except UserError as error:
        st.error(str(error))
        st.stop()


@functools.lru_cache(maxsize=16)
def _one_pass(corpus: Corpus, seed: int) -> Pass:
    return backprop.forward_backward(corpus, seed)


# ---------------------------------------------------------------- tensor by tensor


def tensor_by_tensor(record: Pass) -> None:
    """One tensor with its gradient, and where it stands in the pass."""
    name = _stepper()
    step = record.steps[name]
    st.markdown(f"#### `{name}` has shape {tuple(step.value.shape)}, and so has its gradient `d{name}`")
    st.code(f"{name} = {step.rule.forward}\nd{name} = {step.rule.gradient}", language="python", wrap_lines=True)
    st.write(step.rule.why)
    if used := backprop.shapes(record, f"{step.rule.forward} {step.rule.gradient}"):
        st.caption(f"Made of {', '.join(used)}.")
    live(*_charts(record, name), key="bp.tensors")
    stage = backprop.stage(record, name)
    if stage.value.size < step.value.numel():
        st.caption(f"Drawn are the first {len(stage.rows)} rows and {len(stage.columns)} columns.")
    table = backprop.overview(record)
    table.insert(0, "", ["▶" if row == name else "" for row in table["tensor"]])
    shown = table.style.format({"from autograd": "{:.1e}"})
    st.dataframe(shown, column_config=WIDTHS, hide_index=True, height="content")


def _stepper() -> str:
    """The tensor to look at: buttons go on in the forward pass, or back as the gradient does."""
    chosen = st.session_state.setdefault("bp.at", "logits")
    at, last = FORWARD.index(chosen), len(FORWARD) - 1
    with st.container(horizontal=True):
        st.button("Backward", key="bp.back", on_click=_go, args=(at - 1,), disabled=at == 0, icon=":material/undo:")
        st.button("Forward", key="bp.next", on_click=_go, args=(at + 1,), disabled=at == last, icon=":material/redo:")
    return st.select_slider("Tensor, from the embeddings to the loss", FORWARD, key="bp.at", persist_state="session")


def _go(at: int) -> None:
    st.session_state["bp.at"] = FORWARD[at]


@functools.lru_cache(maxsize=64)
def _charts(record: Pass, name: str) -> tuple[Chart, Chart]:
    stage = backprop.stage(record, name)
    return (
        Chart.of(figures.step_tensor(stage), f"Values of {name}.", columns=5),
        Chart.of(figures.step_tensor(stage, gradient=True), f"Gradient of the loss with respect to {name}.", columns=5),
    )


# ---------------------------------------------------------------- the exam


def exam(record: Pass) -> None:
    """A gradient to write down, checked against autograd."""
    solved: set[str] = st.session_state.setdefault("bp.solved", set())
    titles = {question.title: question for question in QUESTIONS}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.selectbox("Gradient", list(titles), key="bp.question", persist_state="session", width=260)
        following = list(titles)[(list(titles).index(title) + 1) % len(titles)]
        st.button("Next", key="bp.following", on_click=_ask, args=(following,), icon=":material/skip_next:")
    question = titles[title]
    st.write("The gradient comes back through:")
    st.code("\n".join(question.lines), language="python", wrap_lines=True)
    _answer(record, question, solved)
    st.progress(len(solved) / len(QUESTIONS), f"{len(solved)} of {len(QUESTIONS)} gradients solved")
    if solved:
        st.caption(f"Solved: {', '.join(title for title in titles if title in solved)}")
    with st.expander("What an answer may use", icon=":material/list:"):
        _allowed(record, question)


def _ask(title: str) -> None:
    st.session_state["bp.question"] = title


def _answer(record: Pass, question: Question, solved: set[str]) -> None:
    title, rule = question.title, question.rule
    shape = tuple(record.steps[rule.name].value.shape)
    typed = st.text_input(
        f"`d{rule.name}`, of shape {shape}, is",
        key=f"bp.typed.{title}",
        placeholder="an expression, such as (a * b).sum(0, keepdim=True)",
        max_chars=expressions.LONGEST,
        persist_state="session",
    )
    if typed:
        try:
            verdict = backprop.grade(record, question, typed)
        except UserError as error:
            st.error("This cannot be worked out:", icon=":material/error:")
            st.code(str(error), language=None, wrap_lines=True)  # it may quote what was typed
        else:
            _say(verdict)
            if verdict.is_right:
                solved.add(title)
    with st.container(horizontal=True):
        hint = st.toggle("Hint", key=f"bp.hint.{title}")
        answer = st.toggle("Answer", key=f"bp.answer.{title}")
    if hint:
        st.info(rule.hint, icon=":material/lightbulb:")
    if answer:
        st.code(f"d{rule.name} = {rule.gradient}", language="python", wrap_lines=True)
        st.write(rule.why)


def _say(verdict: Verdict) -> None:
    match verdict.kind:
        case "exact":
            st.success("Exact: every bit is that of autograd.", icon=":material/check_circle:")
        case "approximate":
            st.success(
                f"Right: it differs from autograd by {verdict.difference:.1e} at most, which is rounding.",
                icon=":material/check_circle:",
            )
        case "wrong shape":
            st.warning(
                f"The shape is {verdict.shape}, and must be {verdict.expected}, that of the tensor.",
                icon=":material/crop:",
            )
        case "wrong":
            st.error(
                f"Not yet: the largest difference from autograd is {verdict.difference:.3g}, "
                f"at index {list(verdict.where)}.",
                icon=":material/error:",
            )


def _allowed(record: Pass, question: Question) -> None:
    names = backprop.names_for(record, question)
    rows = [
        {"name": name, "shape or value": str(value) if isinstance(value, int) else str(tuple(value.shape))}
        for name, value in names.items()
    ]
    st.write("Numbers, `+ - * / ** @`, indices such as `[range(n), Yb]` or `[:, None]`, and these functions:")
    st.code(", ".join(expressions.FUNCTIONS), language=None, wrap_lines=True)
    st.dataframe(pd.DataFrame(rows), hide_index=True)
