"""The frame around every page: runs for each visitor at each rerun."""

import streamlit as st

from ui import links, present
from ui.navigation import DEFAULT, SECTIONS

st.set_page_config(page_title="Glassbox", page_icon="🔍", layout="wide", initial_sidebar_state=340)
page = st.navigation(
    {
        section: [
            st.Page(
                page.script, title=page.title, icon=page.icon, url_path=page.url_path, default=page.folder == DEFAULT
            )
            for page in pages
        ]
        for section, pages in SECTIONS.items()
    },
    position="top",
)
present.button()
with links.checked():
    page.run()
