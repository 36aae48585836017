"""The parts of the Sample page: models side by side, as writers, as readers, and against the visitor."""

import functools
import math

import streamlit as st

from lmcore import figures
from lmcore.data import corpora
from lmcore.data.corpora import Corpus, CorpusConfig
from lmcore.errors import UserError
from lmcore.generation import passages, sampling, scoring
from lmcore.generation.sampling import Drawn, Reader, SampleConfig
from lmcore.generation.scoring import Game, Written
from lmcore.runs import comparison
from lmcore.runs.store import Header
from lmcore.training import trainers
from lmcore.training.history import Snapshot
from lmcore.training.training import RunConfig
from pages.lab.runs import parts
from ui import forms
from ui.live_chart import Chart, Numbers, live
from ui.server import engine

PAGE = "sample"
MOST = 4  # models side by side
SURE = [0.1, 0.25, 0.5, 0.75, 0.9, 0.99]
MAX_DRAWN = 20_000  # characters of all texts of a model
MAX_KEYS = 120  # characters that are offered as keys; more in a list


# ---------------------------------------------------------------- which models


def pick_models(config: CorpusConfig, corpus: Corpus) -> dict[str, Reader]:
    """The models that the visitor chose: runs on this text, and those that only count it."""
    headers = [h for h in parts.visible() if isinstance(h.config, RunConfig) and h.step > 0]
    on_this = [h for h in headers if isinstance(h.config, RunConfig) and h.config.corpus == config]
    called = comparison.names(on_this)
    readers: dict[str, Reader] = {}
    names = {called[header.id]: header for header in on_this}
    options = [*names, *scoring.counted(corpus)]
    key = f"{PAGE}.models.{corpus.title}"
    first = [*[*names][:2], "bigram"] if names else ["bigram", "trigram"]
    chosen = st.multiselect(
        "Models",
        options,
        [name for name in first if name in options],
        key=key,
        max_selections=MOST,
        help="Runs on the text of the sidebar, and models that only count it.",
        placeholder="Choose a model",
    )
    if others := len(headers) - len(on_this):
        st.caption(f"{others} other run{'s' if others > 1 else ''} learned another text: choose it in the sidebar.")
    for name in chosen:
        reader = _of_run(names[name], corpus) if name in names else scoring.counted(corpus)[name]
        if reader is not None:
            readers[name] = reader
    return readers


def _of_run(header: Header, corpus: Corpus) -> Reader | None:
    try:
        snapshots = engine().view(header.id).snapshots
        return _reader(header.config, corpus, snapshots[-1]) if snapshots else None
    except UserError as error:
        st.warning(str(error))
        return None


@functools.lru_cache(maxsize=16)
def _reader(config: RunConfig, corpus: Corpus, snapshot: Snapshot) -> Reader:
    return trainers.reader(config, corpus, snapshot)


# ---------------------------------------------------------------- writing


def write(corpus: Corpus, readers: dict[str, Reader], settings: SampleConfig) -> None:
    """What each model writes with the same dice, and how the character that was clicked was drawn."""
    if not readers:
        st.info("Choose a model.")
        return
    drawn = {}
    try:
        for name, reader in readers.items():
            drawn[name] = _draw(reader, corpus, settings)
    except UserError as error:
        st.error(str(error))
        return
    records = {name: scoring.written(corpus, texts, settings.prefix) for name, texts in drawn.items()}
    _shares(records)
    wide = 10 // min(2, len(readers))
    columns = 50 if wide == 10 else 30
    charts = []
    for i, (name, record) in enumerate(records.items()):
        figure = figures.written(record, columns, i)
        figure.update_layout(title={"text": figures.escape(name), "x": 0, "font": {"size": 15}})
        charts.append(Chart.of(figure, _in_words(name, record), wide, revision=f"{settings}"))
    clicked = live(*charts, key=f"{PAGE}.written")
    model, text, at = clicked.customdata if clicked and isinstance(clicked.customdata, list) else (0, 0, 0)
    name = list(readers)[min(model, len(readers) - 1)]
    record = records[name]
    if text < len(record.texts) and at < len(record.texts[text].characters):
        _how_drawn(corpus, name, readers[name], settings, drawn[name], text, at)


@functools.lru_cache(maxsize=32)
def _draw(reader: Reader, corpus: Corpus, settings: SampleConfig) -> Drawn:
    if (characters := settings.count * settings.length) > MAX_DRAWN:
        raise UserError(
            f"{settings.count:,} texts of {settings.length:,} characters are {characters:,}, "
            f"at most {MAX_DRAWN:,} can be looked at. Choose fewer or shorter ones."
        )
    return sampling.draw(reader, corpus, settings)


def _shares(records: dict[str, Written]) -> None:
    shares = {name: record.share_new for name, record in records.items() if record.share_new is not None}
    if shares:
        live(Numbers(tuple((f"New by {name}", f"{share:.0%}") for name, share in shares.items())), key=f"{PAGE}.new")


def _in_words(name: str, record: Written) -> str:
    said = "; ".join("".join(text.characters) for text in record.texts[:3])
    return f"Texts by {name}, colored by surprise, such as: {said[:200]}"


def _how_drawn(
    corpus: Corpus, name: str, reader: Reader, settings: SampleConfig, drawn: Drawn, text: int, at: int
) -> None:
    one = passages.how_drawn(reader, corpus, settings, drawn, at, text)
    label = corpus.vocabulary.labels[one.chosen]
    st.text(
        f"{name}, text {text + 1}, character {at + 1}: {label!r} had {one.model[one.chosen]:.1%} in the model and "
        f"{one.drawn_from[one.chosen]:.1%} after temperature, top-k and top-p; the dart hit it. Click another one."
    )
    words = "The model's probabilities and those that were drawn from, stacked, with the dart."
    live(Chart.of(figures.how_drawn(one, corpus.vocabulary.labels), words), key=f"{PAGE}.dart")


# ---------------------------------------------------------------- reading


def read(corpus: Corpus, readers: dict[str, Reader]) -> None:
    """What a text of the visitor's costs each model, character by character."""
    st.write("Type a text: each model pays for what it did **not expect**.")
    example = corpora.example(corpus, 24)
    text = st.text_input("Text", example, max_chars=200, key=f"{PAGE}.text.{corpus.title}", width=480)
    with_guessing = {"uniform": scoring.counted(corpus)["uniform"]} | readers
    try:
        record = scoring.read(corpus, with_guessing, text)
    except UserError as error:
        st.error(str(error))
        return
    best = min(record.means, key=lambda name: record.means[name])
    words = f"Loss of each character under each model; {best} is best with {record.means[best]:.2f} nats per character."
    live(Chart.of(figures.reading(record), words), key=f"{PAGE}.reading")
    if corpus.is_documents and text:
        st.text(f"{text!r}: {scoring.mark(corpus, text)}.")


# ---------------------------------------------------------------- the game


def play(corpus: Corpus, readers: dict[str, Reader]) -> None:
    """Twenty characters to guess, and where that puts the visitor on the chart of losses."""
    st.write(
        "Guess the **next character** twenty times and say how sure you are: "
        "a wrong guess costs more, the surer you were."
    )
    seed = int(
        st.number_input("Game", 0, 10**6, 1, key=f"{PAGE}.game", width=140, help="The same number, the same text.")
    )
    try:
        game = _game(corpus, seed)
    except UserError as error:
        st.error(str(error))
        return
    key = f"{PAGE}.costs.{corpus.title}.{seed}"
    costs: list[float] = st.session_state.setdefault(key, [])
    _so_far(corpus, game, len(costs), st.session_state.get(f"{key}.said", ""))
    if len(costs) < len(game.hidden):
        _ask(corpus, game, key)
    else:
        st.button("Play this text again", key=f"{key}.again", on_click=_again, args=(key,), icon=":material/replay:")
    rivals = scoring.rivals_in_game(corpus, game, scoring.counted(corpus) | readers)
    means = scoring.standing(costs, rivals)
    words = f"After {len(costs)} characters: " + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
    guessing = math.log(len(corpus.vocabulary))
    live(Chart.of(figures.standing(means, guessing), words), key=f"{PAGE}.standing")
    if costs:
        st.caption(
            "Mean loss over the same characters, which nobody has seen in training. Uniform guessing is the line."
        )


@functools.lru_cache(maxsize=64)
def _game(corpus: Corpus, seed: int) -> Game:
    return scoring.new_game(corpus, seed)


def _so_far(corpus: Corpus, game: Game, played: int, said: str) -> None:
    labels = corpus.vocabulary.labels
    shown = [labels[i] for i in [*game.before, *game.hidden[:played]]]
    st.code("".join(shown) + "▁" * (len(game.hidden) - played), language=None, wrap_lines=True)
    st.text(said or f"{labels[0]!r} ends a name." if corpus.is_documents else said or "What comes next?")


def _ask(corpus: Corpus, game: Game, key: str) -> None:
    labels = list(corpus.vocabulary.labels)
    with st.form(key=f"{key}.form", border=False):
        if len(labels) <= MAX_KEYS:
            guess = st.pills("Next character", labels, key=f"{key}.guess", format_func=forms.plain)
        else:
            guess = st.selectbox("Next character", labels, None, key=f"{key}.guess", width=220)
        sure = st.select_slider(
            "How sure are you?", SURE, 0.5, format_func=lambda p: f"{p:.0%}", key=f"{key}.sure", width=320
        )
        pressed = st.form_submit_button("Guess", type="primary", icon=":material/casino:")
    if pressed:
        _guessed(corpus, game, key, guess, sure)


def _guessed(corpus: Corpus, game: Game, key: str, guess: str | None, sure: float) -> None:
    if guess is None:
        st.error("Choose a character first.")
        return
    costs: list[float] = st.session_state[key]
    labels = corpus.vocabulary.labels
    came = labels[game.hidden[len(costs)]]
    costs.append(scoring.cost_of_guess(len(labels), sure, guess == came))
    verdict = "Right" if guess == came else f"It was {came!r}, not {guess!r}"
    st.session_state[f"{key}.said"] = f"{verdict}: that cost {costs[-1]:.2f} nats."
    st.rerun()


def _again(key: str) -> None:
    st.session_state[key] = []
    st.session_state.pop(f"{key}.said", None)
