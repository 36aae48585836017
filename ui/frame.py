"""The frame around every page; it runs for each visitor at each full rerun."""

import streamlit as st

from ui import busy, errors, gate, given, links, navigation, plotly_script, present, server
from ui.lesson import beside
from ui.run import requests

st.set_page_config(page_title="Glassbox", page_icon="🔍", layout="wide", initial_sidebar_state=340)
page = st.navigation(
    {
        section: [
            st.Page(
                page.script,
                title=page.title,
                icon=page.icon,
                url_path=page.url_path,
                default=page is navigation.HOME,
            )
            for page in pages
        ]
        for section, pages in ({"": [navigation.HOME]} | navigation.SECTIONS).items()
    },
    position="top",
)
present.button()
plotly_script.load_ahead()
busy.place()
navigation.enter(page.url_path)
gate.use_key()
given.restore()
here = navigation.at(page.url_path)
beside.show(here)
with errors.told(), links.checked(), requests.expire():
    st.title(here.heading)  # before the page has been imported
    page.run()
server.warm_up()
