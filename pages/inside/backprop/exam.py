"""The tab Exam: the visitor writes down each gradient, and autograd grades it."""

import pandas as pd
import streamlit as st

from lmcore.errors import UserError
from lmcore.inspection import expressions
from lmcore.inspection.backprop import BackpropPass
from lmcore.inspection.backprop_exam import QUESTIONS, Grade, Question, allowed_names, grade
from lmcore.inspection.expression_functions import FUNCTION_NAMES
from ui import address
from ui.server import engine

SOLVED = "bp_solved"
"""Key in the session state and in the address: the titles of the solved questions."""


def show(record: BackpropPass) -> None:
    """One question, a field for the answer, and the visitor's progress, which the address keeps through a reload."""
    questions = {question.title: question for question in QUESTIONS}
    titles = list(questions)
    solved = {*st.session_state.get(SOLVED, ()), *address.newly_named(SOLVED)}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        title = st.selectbox("Gradient", titles, key="bp.question", persist_state="session", width=260)
        next_title = titles[(titles.index(title) + 1) % len(titles)]
        st.button("Next", key="bp.next_question", on_click=_go_to, args=(next_title,), icon=":material/skip_next:")
    question = questions[title]
    st.write("The gradient flows back through")
    st.code("\n".join(question.forward_lines), language="python", wrap_lines=True)
    if _answer(record, question):
        solved.add(title)
    in_order = [title for title in titles if title in solved]
    st.session_state[SOLVED] = in_order
    address.write(SOLVED, in_order, [])
    _help(question)
    st.progress(len(in_order) / len(QUESTIONS), f"{len(in_order)} of {len(QUESTIONS)} gradients solved")
    if in_order:
        st.caption(f"Solved: {', '.join(in_order)}")
    with st.expander("What an answer may contain", icon=":material/list:"):
        _show_names(record, question)


def _go_to(title: str) -> None:
    st.session_state["bp.question"] = title


def _answer(record: BackpropPass, question: Question) -> bool:
    """A field for the answer, and its grade; returns whether the answer is correct."""
    name = question.rule.name
    typed = st.text_input(
        f"`d{name}`, shape {record.tensors[name].value.shape} =",
        key=f"bp.typed.{question.title}",
        placeholder="an expression such as (a * b).sum(0, keepdim=True)",
        max_chars=expressions.MAX_LENGTH,
        persist_state="session",
    )
    if not typed:
        return False
    try:
        result: Grade = engine().compute(grade, record, question, typed)
    except UserError as error:
        st.error("This expression cannot be evaluated:", icon=":material/error:")
        st.code(str(error), language=None, wrap_lines=True)  # it may quote what was typed
        return False
    _show_grade(result)
    return result.passes


def _show_grade(result: Grade) -> None:
    match result.kind:
        case "exact":
            st.success("Correct: identical to autograd, bit for bit.", icon=":material/check_circle:")
        case "approximate":
            st.success(
                f"Correct: it differs from autograd by at most {result.difference:.1e}, which is rounding.",
                icon=":material/check_circle:",
            )
        case "wrong shape":
            st.warning(
                f"The shape is {result.shape}, but the tensor and its gradient have shape {result.expected_shape}.",
                icon=":material/crop:",
            )
        case "wrong":
            st.error(
                f"Not yet: the largest difference from autograd is {result.difference:.3g}, "
                f"at index {list(result.index)}.",
                icon=":material/error:",
            )


def _help(question: Question) -> None:
    """The hint and the answer, each behind a switch."""
    rule = question.rule
    with st.container(horizontal=True):
        hint = st.toggle("Hint", key=f"bp.hint.{question.title}")
        answer = st.toggle("Answer", key=f"bp.answer.{question.title}")
    if hint:
        st.info(rule.hint, icon=":material/lightbulb:")
    if answer:
        st.code(f"d{rule.name} = {rule.gradient}", language="python", wrap_lines=True)
        st.write(rule.shape_note)


def _show_names(record: BackpropPass, question: Question) -> None:
    """Everything that an answer may use."""
    rows = [
        {"name": name, "shape or value": str(value) if isinstance(value, int) else str(value.shape)}
        for name, value in allowed_names(record, question).items()
    ]
    st.write(
        "Numbers, `+ - * / ** @`, indexing such as `[range(n), Yb]` or `[:, None]`, the tensors below, "
        "and these functions:"
    )
    st.code(", ".join(FUNCTION_NAMES), language=None, wrap_lines=True)
    st.dataframe(pd.DataFrame(rows), hide_index=True)
