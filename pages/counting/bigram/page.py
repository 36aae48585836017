import streamlit as st

from lmcore import figures
from lmcore.generation import sampling
from lmcore.inspection import ngrams
from lmcore.models import ngram
from lmcore.models.ngram import CountConfig
from pages.counting.bigram import tabs
from ui.corpus_picker import pick_corpus
from ui.forms import widget
from ui.live_chart import Chart, live
from ui.show_code import show_code

st.title("Counting pairs")
st.write("Look for the bright cells: a language model can be no more than **how often one character follows another**.")

_, corpus = pick_corpus()
with st.sidebar:
    smoothing = tabs.smoothing_slider()
    split = widget(CountConfig, "counted", key="counted")
counts = ngrams.counted(corpus, split)

names = ["Pairs", "Smoothing", "Loss", "Score words", "Sampling", "n-grams", "Broadcasting"]
pairs, smooth, loss, words, drawn, orders, trap = st.tabs(names, on_change="rerun", key="bigram_tab")

if pairs.open:
    with pairs:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            shown = st.segmented_control(
                "Show", ["counts", "probabilities"], default="counts", required=True, key="show"
            )
            order = st.segmented_control(
                "Sort by", ["alphabet", "frequency"], default="alphabet", required=True, key="order"
            )
            log = st.toggle("Logarithmic colors", True, key="log")
        matrix = ngrams.pair_matrix(corpus, counts, smoothing, order)
        figure = figures.pair_matrix(matrix, shown == "probabilities", log)
        clicked = live(Chart.of(figure, "Heatmap of how often each character follows each."), key="pairs")
        row = st.selectbox("What follows", matrix.labels, tabs.row_of(clicked, matrix), help="Or click a row above.")
        follows = figures.what_follows(matrix, matrix.labels.index(row))
        live(Chart.of(follows, f"What follows {row}."), key="follows")
        tabs.pair_tables(ngrams.pair_table(corpus, counts))

if smooth.open:
    with smooth:
        st.write(
            "Adding to every count makes nothing impossible. Each row is divided by its **new** sum, "
            "so that it sums to one; the old sum would make it sum to more."
        )
        tabs.smoothing_losses(corpus, counts, smoothing)
        matrix = ngrams.pair_matrix(corpus, counts, smoothing)
        figure = figures.probabilities(matrix)
        smoothed = Chart.of(figure, "Smoothed probabilities.", columns=6)
        live(smoothed, Chart.of(figures.difference(matrix), "What smoothing moved.", columns=4), key="smoothed")

if loss.open:
    with loss:
        tabs.loss_story(ngrams.loss_story(corpus, counts, smoothing))

if words.open:
    with words:
        tabs.score_words(corpus, smoothing, split)

if drawn.open:
    with drawn:
        tabs.sampling(corpus, smoothing, split)

if orders.open:
    with orders:
        tabs.higher_orders(corpus, smoothing)

if trap.open:
    with trap:
        record = ngrams.broadcasting(corpus, counts)
        st.write("Forget `keepdim=True`, and no error comes: columns are divided instead of rows.")
        st.code(record.shapes, language=None)
        kept, lost = st.columns(2)
        tabs.divided(kept, "P / P.sum(1, keepdim=True)", record.right, figures.broadcasting(record, wrong=False))
        tabs.divided(lost, "P / P.sum(1)", record.wrong, figures.broadcasting(record, wrong=True))

show_code(ngram.bigram_counts, ngram.normalize, ngram.mean_loss, ngram.NGram, ngram.score, sampling.choose)
