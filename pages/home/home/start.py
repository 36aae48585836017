"""Where to begin, and where to go on."""

import streamlit as st

from ui import forms, navigation

SETTINGS = {"mlp_steps": "20000"}  # of the first model: half a minute of training
MAX_RUNS = 3


def link() -> None:
    """The link to the first model that a visitor trains."""
    with st.container(horizontal=True, vertical_alignment="center", key="start"):
        st.page_link(
            navigation.find("mlp/mlp").script,
            label="**Start here**",
            icon=":material/play_arrow:",
            query_params=SETTINGS,
        )
        st.write(
            "Press **Start** on the page that opens: half a minute later, a network writes names that nobody has. "
            "**Explain**, below its pictures, says how."
        )


def latest_runs() -> None:
    """Links to the visitor's latest runs."""
    from lmcore.runs.filtering import display_names  # takes seconds after a start of the server
    from ui.run import attach

    headers = attach.visible_runs()
    names = display_names(headers)
    runs = [(header, page) for header in headers if (page := navigation.page_of(header.config))][:MAX_RUNS]
    if not runs:
        return
    with st.container(horizontal=True, vertical_alignment="center", key="continue"):
        st.markdown("Continue where you left off:", width="content")
        for header, page in runs:
            name = forms.plain(names[header.id])
            steps = f"step {header.step:,} of {header.config.train.steps:,}"
            attach.link_to(page, header.id, f"{page.title}: {name}, {steps}")
