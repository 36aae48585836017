import streamlit as st

from lmcore.runs.comparison import run_curves
from lmcore.runs.divergence import find_divergence
from lmcore.runs.filtering import display_names
from lmcore.runs.leaderboard import pareto_frontier
from lmcore.runs.run import Run
from lmcore.runs.settings import settings_differences
from pages.lab import shared
from pages.lab.runs import actions, curves, disk, fork, leaderboard, selection, side_by_side, table
from pages.lab.runs.selection import PAGE
from ui import errors
from ui.explain import explain
from ui.run import attach
from ui.server import engine
from ui.show_code import show_code
from ui.tabs import draw_tabs


@errors.told()
def runs_and_tabs(was_active: bool) -> None:
    """The table of runs and the tabs beneath it, redrawn every second while a run trains."""
    headers = attach.visible_runs()
    selection.show_error()
    actions.undo_button()
    names = display_names(headers)
    chosen = []
    if headers:
        chosen = table.table(table.filtered(headers), names)
        actions.buttons(chosen)
    else:
        st.info("There are no runs yet. Press Start on any page that trains a model, and find its run here afterwards.")
    views = {names[header.id]: engine().view(header.id) for header in chosen[: selection.MAX_COMPARED]}
    with st.expander("Export or import a run", icon=":material/import_export:"):
        if len(views) == 1:
            shared.export_buttons(PAGE, next(iter(views.values())))
        else:
            st.write("Select **one** run to export it.")
        shared.import_run(PAGE)
    if not headers:
        st.session_state.setdefault(f"{PAGE}_tab", "Leaderboard")
    draw_tabs(
        {
            "Curves": lambda: curves.show(views),
            "Settings": lambda: side_by_side.settings(views),
            "Samples": lambda: side_by_side.samples(views),
            "Histograms": lambda: side_by_side.histograms(views),
            "Fork": lambda: fork.show(views),
            "Leaderboard": lambda: leaderboard.show(headers, names),
            "Disk": lambda: disk.show(headers, names),
        },
        key=f"{PAGE}_tab",
    )
    if was_active != any(header.status.is_active for header in headers):
        st.rerun()  # once, when a run begins or the last one ends, so that polling starts or stops


st.write("Select **two runs** in the table: where do their losses diverge, and which setting makes the difference?")

active = any(header.status.is_active for header in attach.visible_runs())
st.fragment(runs_and_tabs, run_every=1.0 if active else None)(active)

explain(__file__)
show_code(run_curves, settings_differences, find_divergence, pareto_frontier, Run.fork)
