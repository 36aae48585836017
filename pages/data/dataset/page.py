import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.errors import UserError
from ui.corpus_picker import keep_own_text, pick_corpus
from ui.show_code import show_code

st.title("What a model gets to see")
st.write("A model never sees a text, only windows of numbers: look at how **few characters** decide each guess.")


def upload() -> None:
    if (file := st.session_state["upload"]) is not None:
        keep_own_text(file.getvalue(), file.name)


def paste() -> None:
    keep_own_text(st.session_state["paste"].encode("utf-8", errors="replace"), "Pasted text")


with st.expander("Use your own text", icon=":material/upload_file:"):
    st.file_uploader("Upload a text file", key="upload", on_change=upload)
    st.text_area("Or paste a text", key="paste", height=120, placeholder="emma\nolivia\nava")
    st.button("Use the pasted text", key="use_paste", on_click=paste)
    st.caption("A file that you drop into the data folder appears in the list of texts as well.")
if message := st.session_state.pop("own_text_error", None):
    st.error(message)
if message := st.session_state.pop("own_text_read", None):
    st.text(message)  # it holds a file's name, which must not be read as markup

config, corpus = pick_corpus()
summary = corpora.summary(corpus)

numbers = st.columns(4)
numbers[0].metric("Documents", f"{summary.documents:,}" if summary.documents else "running text")
numbers[1].metric("Characters", f"{summary.characters:,}")
numbers[2].metric("Vocabulary", f"{len(corpus.vocabulary):,}")
numbers[3].metric("Longest", f"{summary.lengths.max():,}", help="characters in a document or line")

st.subheader("Sliding windows")
left, right = st.columns([1, 2])
with left:
    context = st.slider("Context (characters)", 1, 16, 3, key="context", bind="query-params")
    text = st.text_input("Piece of text", corpora.example(corpus), key=f"piece.{config.source}", max_chars=200)
try:
    right.dataframe(corpora.context_table(corpus, text, context), hide_index=True, height=300)
except UserError as error:
    right.error(str(error))

st.subheader("The text in numbers")
left, right = st.columns(2)
left.plotly_chart(figures.character_frequencies(summary), key="frequencies")
right.plotly_chart(figures.length_histogram(summary), key="lengths")

left, right = st.columns(2)
with left:
    st.markdown("**Vocabulary**")
    st.dataframe(summary.vocabulary.style.format({"share": "{:.2%}"}), hide_index=True, height=320)
with right:
    st.markdown("**Splits**: train on the first, choose by the second, look at the third once")
    st.dataframe(summary.splits, hide_index=True)
    st.markdown("**Some of it**")
    st.code(corpora.excerpt(corpus), language=None, height=150)

show_code(corpora.from_text, corpora.Corpus, corpora.context_table)
