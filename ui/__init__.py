"""The Streamlit code that all pages share."""
