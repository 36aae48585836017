import streamlit as st

from lmcore import figures
from lmcore.data import corpora, corpus_summary
from lmcore.errors import UserError
from pages.data.dataset import encodings
from ui import errors, forms
from ui.computed import computed
from ui.corpus_picker import keep_own_text, pick_corpus
from ui.explain import explain
from ui.live_chart import Text, live
from ui.show_code import show_code

MAX_SHOWN = 1000  # characters of the vocabulary

st.write("A model never sees text, only windows of indices: notice how **few characters** each prediction is based on.")


summarize = computed(corpus_summary.summarize, 50_000_000, "Counting…")
excerpt = computed(corpus_summary.excerpt, 1_000_000)


def upload() -> None:
    if (file := st.session_state["upload"]) is not None:
        keep_own_text(file.getvalue(), file.name)


def paste() -> None:
    keep_own_text(st.session_state["paste"].encode("utf-8", errors="replace"), "Pasted text")


with st.expander("Use your own text", icon=":material/upload_file:"):
    st.file_uploader("Upload a text file", key="upload", on_change=upload)
    st.text_area("Or paste text", key="paste", height=120, placeholder="emma\nolivia\nava")
    st.button("Use the pasted text", key="use_paste", on_click=paste)
    st.caption("Text files in the data folder are listed as well.")
if message := st.session_state.pop("own_text_error", None):
    errors.show(message)
if message := st.session_state.pop("own_text_read", None):
    st.text(message)  # contains a file name, which must not be read as markup

config, corpus = pick_corpus()
summary = summarize(corpus)
if corpus.remarks:
    st.info(forms.plain(" ".join(corpus.remarks)), icon=":material/info:")
encodings.show(config)

documents, characters, vocabulary, longest = st.columns(4)
documents.metric("Documents", f"{summary.n_documents:,}" if corpus.is_documents else "running text")
characters.metric("Characters", f"{summary.n_characters:,}")
vocabulary.metric("Vocabulary", f"{len(corpus.vocabulary):,}", help="Number of different characters")
unit = "document" if corpus.is_documents else "line"
longest.metric(f"Longest {unit}", f"{summary.lengths.max():,}", help=f"Characters in the longest {unit}")

st.subheader("Sliding windows")
left, right = st.columns([1, 2])
with left:
    context = st.slider("Context length (characters)", 1, 16, 3, key="context", bind="query-params")
    text = st.text_input("Text", corpora.example(corpus), key=f"piece.{corpus.name}", max_chars=200)
try:
    right.dataframe(corpus_summary.context_table(corpus, text, context), hide_index=True)
except UserError as error:
    errors.show(error, right.error)

st.subheader("Statistics")
left, right = st.columns(2)
left.plotly_chart(figures.character_frequencies(summary), key="frequencies")
right.plotly_chart(figures.length_histogram(summary), key="lengths")

left, right = st.columns(2)
with left:
    st.markdown("**Vocabulary**")
    shown = summary.vocabulary.head(MAX_SHOWN)
    st.dataframe(shown.style.format({"count": "{:,}", "share": "{:.2%}"}), hide_index=True, height=320)
    if len(shown) < len(summary.vocabulary):
        st.caption(f"The first {MAX_SHOWN:,} of {len(summary.vocabulary):,} characters.")
with right:
    st.markdown("**Splits**: learn from train, choose by dev, test once")
    splits = summary.splits.rename(columns={"characters": "characters with ends"} if summary.n_documents else {})
    st.dataframe(splits.style.format(thousands=","), hide_index=True)
    if remark := corpus_summary.repetition_remark(summary):
        st.caption(f"{remark} *Drop duplicates* in the text options keeps each document once.")
    live(Text("Excerpt", excerpt(corpus), height=150), key="excerpt")

explain(__file__)
show_code(corpora.from_text, corpora.Corpus, corpus_summary.context_table)
