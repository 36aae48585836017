"""The tab Guessing game: the visitor guesses characters of held-out text against the models."""

import math

import streamlit as st

from lmcore import figures
from lmcore.data.corpora import Corpus
from lmcore.errors import UserError
from lmcore.generation import baselines, guessing_game
from lmcore.generation.guessing_game import Game
from lmcore.generation.reader import Reader
from pages.lab.sample import models
from ui import errors, forms
from ui.computed import computed
from ui.live_chart import Chart, live
from ui.server import engine

CONFIDENCES = [0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
MAX_BUTTONS = 120  # characters offered as buttons; a larger vocabulary gets a drop-down list


def show(page: str, corpus: Corpus, readers: dict[str, Reader]) -> None:
    """The text to guess, a form for the next guess, and the mean losses so far."""
    st.write("Guess the **next character** twenty times. A wrong guess costs more the more **confident** you were.")
    tooltip = "Seed of the text; the same number gives the same text."
    seed = int(st.number_input("Game", 0, 10**6, 1, key=f"{page}.game", width=140, help=tooltip))
    try:
        game = _game(corpus, seed)
    except UserError as error:
        errors.show(error)
        return
    key = f"{page}.costs.{corpus.name}.{seed}"
    costs: list[float] = st.session_state.setdefault(key, [])
    _show_text(corpus, game, len(costs), st.session_state.get(f"{key}.verdict", ""))
    if len(costs) < len(game.targets):
        _ask(corpus, game, key)
    else:
        st.button("Play again", key=f"{key}.again", on_click=_restart, args=(key,), icon=":material/replay:")
    _show_ranking(page, corpus, game, costs, readers)


_game = computed(guessing_game.new_game, 5_000_000)


def _show_text(corpus: Corpus, game: Game, n_guessed: int, verdict: str) -> None:
    """The text so far, with a placeholder for each hidden character, and the verdict on the last guess."""
    labels = corpus.vocabulary.labels
    known = [labels[i] for i in [*game.context, *game.targets[:n_guessed]]]
    st.code("".join(known) + "▁" * (len(game.targets) - n_guessed), language=None, wrap_lines=True)
    hint = f"{labels[0]!r} ends a document." if corpus.is_documents else "What comes next?"
    st.text(verdict or hint)


def _ask(corpus: Corpus, game: Game, key: str) -> None:
    labels = list(corpus.vocabulary.labels)
    with st.form(key=f"{key}.form", border=False):
        if len(labels) <= MAX_BUTTONS:
            guess = st.pills("Next character", labels, key=f"{key}.guess", format_func=forms.plain)
        else:
            guess = st.selectbox("Next character", labels, None, key=f"{key}.guess", width=220)
        confidence = st.select_slider(
            "Your confidence", CONFIDENCES, 0.5, format_func=lambda p: f"{p:.0%}", key=f"{key}.confidence", width=320
        )
        pressed = st.form_submit_button("Guess", type="primary", icon=":material/casino:")
    if not pressed:
        return
    if guess is None:
        st.error("Choose a character first.")
    else:
        _score(corpus, game, key, guess, confidence)


def _score(corpus: Corpus, game: Game, key: str, guess: str, confidence: float) -> None:
    """Adds the loss of a guess, and reruns the page."""
    costs: list[float] = st.session_state[key]
    labels = corpus.vocabulary.labels
    answer = labels[game.targets[len(costs)]]
    costs.append(guessing_game.guess_loss(len(labels), confidence, guess == answer))
    verdict = "Correct" if guess == answer else f"It was {answer!r}, not {guess!r}"
    st.session_state[f"{key}.verdict"] = f"{verdict}: a loss of {costs[-1]:.2f} nats."
    st.rerun()


def _restart(key: str) -> None:
    st.session_state[key] = []
    st.session_state.pop(f"{key}.verdict", None)


def _show_ranking(page: str, corpus: Corpus, game: Game, costs: list[float], readers: dict[str, Reader]) -> None:
    """Mean losses of the visitor and of all models over the characters guessed so far."""
    counted = {name: baselines.baseline_reader(corpus, name) for name in models.baseline_names(corpus)}
    rivals = engine().compute(guessing_game.model_losses, corpus, game, counted | readers)
    means = guessing_game.ranking(costs, rivals)
    alt = f"After {len(costs)} characters: " + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    live(Chart.of(figures.ranking(means, math.log(len(corpus.vocabulary))), alt), key=f"{page}.standing")
    if costs:
        st.caption(
            "Mean loss over the same characters of the dev split, which no model was trained on. "
            "Dashed line: uniform guessing."
        )
