"""Points that the visitor adds to the data with a click on the picture."""

import re

import streamlit as st

from lmcore import figures
from lmcore.data.datasets import LETTERS, MAX_POINTS, DataConfig
from ui import address, forms
from ui.live_chart import Chart, Click, live

Point = tuple[float, float, int]  # two features and a class


def given(page: str) -> tuple[Point, ...]:
    """The points that were added so far."""
    return tuple(st.session_state.get(_key(page), ()))


def pick(page: str, fixed: bool) -> tuple[Point, ...]:
    """The points that were added so far, which the address holds unless the data can no longer be changed."""
    key = _key(page)
    if not fixed and (named := address.newly_named(key)):
        st.session_state[key] = tuple(point for text in named[:MAX_POINTS] if (point := _point(text)))
    address.write(key, given(page), (), bound=not fixed)
    return given(page)


def _point(text: str) -> Point | None:
    """A point of the address; None if it is none."""
    match = re.fullmatch(r"(-?[0-9.]{1,9}) (-?[0-9.]{1,9}) ([0-9])", text, re.ASCII)
    try:
        point = match and (float(match[1]), float(match[2]), int(match[3]))
    except ValueError:
        return None
    return point if point and point[2] < len(LETTERS) else None


def _key(page: str) -> str:
    return f"{page}_data_points"


def controls(page: str, fixed: bool) -> None:
    """The class that a click adds a point of."""
    st.segmented_control(
        "Click the picture to add a point of class",
        list(LETTERS),
        key=f"{page}.brush",
        disabled=fixed,
        help="Added points belong to the train split. Press Reset first if there is a run.",
        width="content",
    )


def remove_button(page: str) -> None:
    """A button that removes all added points; below the picture, which it would move from under the mouse."""
    if n_points := len(given(page)):
        label = f"Remove {forms.counted(n_points, 'point')}"
        st.button(label, key=f"{page}.remove_points", on_click=_remove_all, args=(page,))


def _remove_all(page: str) -> None:
    st.session_state[_key(page)] = ()


def add(page: str, click: Click | None) -> None:
    """Adds a point where the visitor clicked, once per click, and reruns the page."""
    if click is None or click.part != 0 or st.session_state.get(f"{page}.clicked") == click:
        return
    st.session_state[f"{page}.clicked"] = click
    letter, points = st.session_state.get(f"{page}.brush"), given(page)
    if letter and len(points) < MAX_POINTS:
        point = (round(float(click.x), 4), round(float(click.y), 4), LETTERS.index(letter))
        st.session_state[_key(page)] = (*points, point)
        st.rerun()


def show_empty_sheet(page: str, config: DataConfig) -> None:
    """A sheet to click on, while there are too few points to train on."""
    controls(page, fixed=False)
    canvas = figures.point_canvas(config.points, empty="Choose a class above, then click here to add points.")
    add(page, live(Chart.of(canvas, "An empty sheet to click on."), key="sheet"))
    remove_button(page)
