"""Texts as numbers: vocabulary, splits and windows."""

import pickle
import tracemalloc
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data import corpora, uploads
from lmcore.data.corpora import SPLITS, Corpus, CorpusConfig, from_text
from lmcore.errors import UserError

LINES = CorpusConfig(units="lines")
RUNNING = CorpusConfig(units="running")


def naive_windows(documents: list[list[int]], context: int) -> tuple[list[list[int]], list[int]]:
    """The loop over characters that everybody writes first."""
    X, Y = [], []
    for document in documents:
        window = [0] * context
        for following in [*document, 0]:
            X.append(window)
            Y.append(following)
            window = [*window[1:], following]
    return X, Y


def test_names_have_the_published_numbers(names: Corpus) -> None:
    assert len(names.documents) == 32033
    assert names.vocabulary.characters == (".", *"abcdefghijklmnopqrstuvwxyz")
    assert min(map(len, names.documents)) == 2
    assert max(map(len, names.documents)) == 15
    assert len(names.stream) == 228146


@pytest.mark.parametrize("context", [1, 3, 8])
def test_names_are_split_as_published(names: Corpus, context: int) -> None:
    assert [len(names.windows(split, context).Y) for split in SPLITS] == [182625, 22655, 22866]
    assert names.windows("train", context).X.shape == (182625, context)


def test_the_first_windows_of_the_shuffled_names_are_those_of_the_lecture(names: Corpus) -> None:
    X, Y = names.windows("train", 3)
    decode = names.vocabulary.decode
    assert [decode(row) + " -> " + decode(Y[i : i + 1]) for i, row in enumerate(X[:7])] == [
        "... -> y",
        "..y -> u",
        ".yu -> h",
        "yuh -> e",
        "uhe -> n",
        "hen -> g",
        "eng -> .",
    ]


DOCUMENT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=8)


@pytest.mark.slow
@given(st.lists(DOCUMENT, min_size=1, max_size=20), st.integers(1, 5))
def test_document_windows_equal_the_naive_loop(documents: list[str], context: int) -> None:
    try:
        corpus = from_text("\n".join(documents), config=LINES)
    except UserError:
        assert len(set("".join(documents))) < 2
        return
    for split, chosen in corpus.document_splits.items():
        encoded = [corpus.vocabulary.encode(corpus.documents[i]).tolist() for i in chosen]
        X, Y = naive_windows(encoded, context)
        windows = corpus.windows(split, context)
        assert windows.X[:].tolist() == X
        assert windows.Y.tolist() == Y


@pytest.mark.slow
@given(st.text(min_size=2, max_size=60), st.integers(1, 4))
def test_running_text_windows_are_the_text_itself(text: str, context: int) -> None:
    try:
        corpus = from_text(text, config=RUNNING)
        windows = corpus.windows("train", context)
    except UserError:
        return
    train = corpus.vocabulary.decode(corpus.streams["train"])
    for i, (row, following) in enumerate(zip(windows.X, windows.Y, strict=True)):
        assert corpus.vocabulary.decode(row) == train[i : i + context]
        assert corpus.vocabulary.characters[following] == train[i + context]


@given(st.text(min_size=1, max_size=200))
def test_any_text_is_decoded_again_or_refused_in_words(text: str) -> None:
    try:
        corpus = from_text(text, config=RUNNING)
    except UserError:
        assert len(set(text)) < 2
        return
    assert corpus.vocabulary.decode(corpus.stream) == text.encode("utf-8", "replace").decode()
    assert sum(len(stream) for stream in corpus.streams.values()) == len(corpus.stream)


def test_splits_hold_every_document_once() -> None:
    corpus = from_text("\n".join(f"name{i}" for i in range(103)), config=LINES)
    together = np.concatenate(list(corpus.document_splits.values()))
    assert sorted(together) == list(range(103))
    assert [len(chosen) for chosen in corpus.document_splits.values()] == [82, 10, 11]


def test_a_text_that_uses_the_full_stop_gets_another_boundary() -> None:
    corpus = from_text("a.b\nb.a", config=LINES)
    assert corpus.boundary == "•"
    assert "." in corpus.vocabulary.characters
    assert from_text(".•¶∎␞\nab", config=LINES).boundary == "\u2400"


def test_rare_characters_become_one_beyond_the_maximum_vocabulary() -> None:
    corpus = from_text("aaabbbcd", config=CorpusConfig(units="running", max_vocabulary=2))
    assert corpus.vocabulary.decode(corpus.stream) == "aaabbb\ufffd\ufffd"


def test_cleaning_lowers_and_keeps_letters() -> None:
    corpus = from_text("Ä1-b c\nD!e", config=CorpusConfig(units="lines", lower_case=True, only_letters=True))
    assert corpus.documents == ("äb c", "de")


@pytest.mark.parametrize(("text", "word"), [("", "No characters"), ("aaaa", "one distinct"), ("x", "one distinct")])
def test_texts_with_nothing_to_learn_are_refused(text: str, word: str) -> None:
    with pytest.raises(UserError, match=word):
        from_text(text, config=RUNNING)


def test_a_text_shorter_than_the_context_says_what_to_do() -> None:
    with pytest.raises(UserError, match="smaller context"):
        from_text("abcabc", config=RUNNING).windows("train", 8)


def test_a_decomposed_letter_is_the_composed_one_unless_the_text_has_it_decomposed() -> None:
    composed, decomposed = "noël", "noe\u0308l"
    assert np.array_equal(from_text(composed * 9).encode(decomposed), from_text(composed * 9).encode(composed))
    assert len(from_text(decomposed * 9).encode(decomposed)) == len(decomposed)


def test_unknown_characters_are_named() -> None:
    with pytest.raises(UserError, match="ß"):
        from_text("ab\nba", config=LINES).vocabulary.encode("aßb")


def test_a_limited_vocabulary_has_an_index_for_all_other_characters() -> None:
    limited = from_text("aaa\nbb\nc", config=LINES.updated(max_vocabulary=2)).vocabulary
    assert limited.characters == (".", "a", "b", corpora.UNKNOWN)
    assert limited.encode("acx").tolist() == [1, 3, 3]


def test_a_typed_text_is_encoded_or_refused_in_words() -> None:
    names, novel = from_text("ab\nba", config=LINES), from_text("a.b\nba", config=RUNNING)
    assert names.encode("ab").tolist() == [1, 2]
    assert names.encode("a.", allow_boundary=True).tolist() == [1, 0]
    assert novel.vocabulary.decode(novel.encode("a.b")) == "a.b"
    with pytest.raises(UserError, match="end of a document"):
        names.encode("a.")
    for corpus in (names, novel):
        with pytest.raises(UserError, match="empty"):
            corpus.encode("")
        with pytest.raises(UserError, match="'z'"):
            corpus.encode("az")


def opening(text: str, config: CorpusConfig) -> str:
    corpus = from_text(text, config=config)
    return corpus.vocabulary.decode(corpus.opening)


def test_a_text_begins_after_a_boundary_or_a_line_break_of_the_train_split() -> None:
    assert opening("ab\nba", LINES) in ("ab.", "ba.")
    assert opening("b\na" * 10, RUNNING) == "b\na" * 7 + "b\n"  # of the first 24 characters
    assert opening("ba" * 10, RUNNING) == "ba" * 8
    assert opening("a" * 30 + "\n", RUNNING) == "\n"  # which only the test split has
    assert opening("abc" * 400, RUNNING) == ("abc" * 400)[:960][-100:]


def test_windows_are_views_of_the_text_and_loaded_corpora_are_the_same_object() -> None:
    corpus = corpora.load(CorpusConfig(locales=("de_DE",)))
    assert corpora.load(CorpusConfig(locales=("de_DE",))) is corpus
    assert np.shares_memory(corpus.windows("train", 5).X.view, corpus.streams["train"])
    novel = from_text("abcabd" * 20, config=RUNNING)
    assert np.shares_memory(novel.windows("train", 5).X.view, novel.stream)


def test_contexts_are_cut_in_any_shape_and_leave_the_text_as_it_is(names: Corpus) -> None:
    X, before = names.windows("train", 8).X, names.streams["train"].copy()
    rows = np.random.default_rng(1).integers(len(X), size=(4, 5))
    np.testing.assert_array_equal(X[rows], np.array(X)[rows])
    assert X[:0].shape == (0, 8)
    assert names.windows("dev", 0).X[:].shape == (22655, 0)
    np.testing.assert_array_equal(names.streams["train"], before)


@pytest.mark.parametrize(
    "name",
    [
        "प्रिया",
        "कृष्ण",
        "தமிழ்",
        "สมหญิง",
        "שָׁלוֹם",
        "مُحَمَّد",
        "ཀརྨ",
        "မြန်မာ",
        "नी\u200cर",
        "José",
        "김민수",
        "ｱｲｳ",
        "x\u0323\u0302y",
    ],
)
def test_marks_belong_to_their_letters_in_every_script(name: str) -> None:
    name = unicodedata.normalize("NFC", name)
    corpus = from_text(f"{name}1 -{name}!\nanna\n" * 3, config=CorpusConfig(units="lines", only_letters=True))
    assert corpus.documents[0] == f"{name} {name}"


def test_marks_that_belong_to_no_letter_are_no_letters() -> None:
    text = "a1\u20e3b ❤\ufe0f c\u0301 👩\u200d👩 \u0301d 1\u0301e²½_"
    corpus = from_text(text, config=CorpusConfig(units="running", only_letters=True))
    assert corpus.vocabulary.decode(corpus.stream) == "ab c\u0301 d e"


def test_too_many_different_characters_are_refused_unless_they_are_limited() -> None:
    text = "".join(map(chr, range(0x4E00, 0x4E00 + 10_001)))
    with pytest.raises(UserError, match=r"10,001 different characters.*max_vocabulary"):
        from_text(text, config=RUNNING)
    assert len(from_text(text, config=CorpusConfig(units="running", max_vocabulary=50)).vocabulary) == 51


def test_a_text_with_the_same_title_has_another_name() -> None:
    first, second = (corpora.load(CorpusConfig(source=uploads.save(text, "a.txt"))) for text in (b"emma", b"olivia"))
    assert first.title == second.title
    assert first.name != second.name


def test_windows_of_a_long_text_need_no_more_memory_than_the_text() -> None:
    corpus = from_text("abcdefghi\n" * 100_000, config=LINES)
    corpus.windows("train", 1)
    tracemalloc.start()
    for context in (8, 32):
        X, Y = corpus.windows("train", context)
        assert X[np.arange(1000)].shape == (1000, context)
        assert len(Y) == 800_000
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_the_most_frequent_characters_come_in_the_order_of_the_vocabulary() -> None:
    corpus = from_text("cccabbb", config=RUNNING)
    assert corpus.most_frequent(2).tolist() == [1, 2]
    assert corpus.most_frequent(9).tolist() == [0, 1, 2]


def test_an_example_is_a_typical_document_or_the_beginning() -> None:
    assert corpora.example(from_text("olivia\nemma\nava", config=LINES)) == "emma"
    assert corpora.example(from_text("ada\nbo\ncy", config=LINES)) == "bo"
    assert corpora.example(from_text("one\ntwo three", config=RUNNING), 7) == "one two"


def test_a_dev_split_shorter_than_the_context_has_no_windows() -> None:
    X, Y = from_text("abcdefghij", config=RUNNING).windows("dev", 3)
    assert (X.shape, Y.shape) == ((0, 3), (0,))


@pytest.mark.parametrize(
    "text", ["emma\nava\nzoë\n" * 40, "a long running text\n" * 40, "".join(map(chr, range(0x4E00, 0x4F00)))]
)
def test_a_corpus_that_is_sent_in_parts_is_the_same(text: str) -> None:
    config = CorpusConfig(source=uploads.save(text.encode(), "x"))
    corpus, sent = corpora.load(config), corpora.assemble(pickle.loads(pickle.dumps(corpora.parts(config))))
    for name in ("title", "vocabulary", "lines", "name", "config", "documents", "n_documents"):
        assert getattr(sent, name) == getattr(corpus, name)
    assert np.array_equal(sent.stream, corpus.stream)
    assert sent.stream.dtype == np.int32
    assert np.array_equal(sent.counts, corpus.counts)
    assert {split: len(sent.streams[split]) for split in sent.streams} == corpora.split_sizes(corpus)
