"""The frame around every page: runs for each visitor at each rerun. One section for each folder of pages/."""

from pathlib import Path

import streamlit as st

from ui import links, present
from ui.sections import DEFAULT, SECTIONS

ROOT = Path(__file__).parent.parent
st.set_page_config(page_title="Glassbox", page_icon="🔍", layout="wide", initial_sidebar_state=340)
pages = {
    section: [
        st.Page(ROOT / "pages" / file, title=title, icon=icon, default=file == DEFAULT)
        for file, (title, icon) in files.items()
    ]
    for section, files in SECTIONS.items()
}
page = st.navigation(pages, position="top")
present.button()
with links.checked():
    page.run()
