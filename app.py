"""Glassbox: ``streamlit run app.py``. The server; what a visitor sees begins in ui/frame.py."""

import streamlit as st

from ui import server

app = st.App("ui/frame.py", lifespan=server.lifespan, routes=server.routes, middleware=server.middleware)
