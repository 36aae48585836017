"""The shared Streamlit code of all pages: forms, the text picker, the live run panel, live charts."""
