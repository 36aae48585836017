from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcore.data import corpora, sources
from lmcore.data.corpora import SPLITS, Corpus, CorpusConfig, context_table, from_text
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


def test_the_context_table_shows_what_the_model_gets() -> None:
    table = context_table(from_text("emma\nolivia", config=LINES), "emma", 3)
    assert list(table["context"] + " -> " + table["next"]) == [
        "... -> e",
        "..e -> m",
        ".em -> m",
        "emm -> a",
        "mma -> .",
    ]


def test_the_context_table_of_running_text_slides_over_it() -> None:
    table = context_table(from_text("a b\nab", config=RUNNING), "a b\na", 2)
    assert list(table["context"] + table["next"]) == ["a␣b", "␣b⏎", "b⏎a"]


DOCUMENT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=8)


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
        assert windows.X.tolist() == X
        assert windows.Y.tolist() == Y


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


def test_unknown_characters_are_named() -> None:
    with pytest.raises(UserError, match="ß"):
        from_text("ab\nba", config=LINES).vocabulary.encode("aßb")


@pytest.mark.parametrize("source", ["given-names", "python-reference", "python-source"])
def test_built_in_texts_load_without_a_network(source: str) -> None:
    corpus = corpora.load(CorpusConfig(source=source))
    assert len(corpus.stream) > 50_000
    assert corpus.is_documents == (source == "given-names")


def test_given_names_are_lower_case_letters_of_many_countries() -> None:
    names = sources.given_names()
    assert 15_000 < len(names) < 20_000
    assert set("".join(names)) == set("abcdefghijklmnopqrstuvwxyz")
    assert set(sources.given_names(("fr_FR",))) < set(names)
    assert "adèle" in sources.given_names(("fr_FR",), "latin")
    assert len(sources.given_names((), "any")) > len(sources.given_names((), "latin")) > len(names)


def test_unknown_countries_are_named() -> None:
    with pytest.raises(UserError, match="xx_XX"):
        sources.given_names(("xx_XX",))


def test_a_text_of_ones_own_is_kept_under_its_content() -> None:
    name = sources.keep(sources.decode(b"emma\nolivia\nava"), "My <b>names</b>.txt")
    assert name == sources.keep(sources.decode("emma\r\nolivia\r\nava".encode("utf-16")), "My <b>names</b>.txt")
    corpus = corpora.load(CorpusConfig(source=name))
    assert corpus.documents == ("emma", "olivia", "ava")
    assert "<" not in corpus.title


def test_a_file_in_the_data_folder_can_be_chosen() -> None:
    (sources.data_folder() / "mine.txt").write_text("hello world, this is one long line of text")
    assert "file:mine.txt" in [source.name for source in sources.sources()]
    assert corpora.load(CorpusConfig(source=sources.resolve("file:mine.txt"))).title == "mine"


@pytest.mark.parametrize("name", ["text:../../etc/passwd", "text:" + "0" * 24 + "-x", "file:../x", "/etc/passwd", ""])
def test_a_source_name_never_becomes_a_path(name: str) -> None:
    with pytest.raises(UserError):
        sources.read(name)


def test_a_catalog_text_that_is_missing_or_altered_says_what_to_do() -> None:
    with pytest.raises(UserError, match="Download it"):
        sources.read("names")
    (sources.data_folder() / "names.txt").write_text("emma\n")
    with pytest.raises(UserError, match="hash differs"):
        sources.read("names")


def test_the_canonical_file_dropped_into_the_data_folder_counts_as_downloaded(names_path: Path) -> None:
    (sources.data_folder() / "names.txt").write_bytes(names_path.read_bytes())
    assert len(corpora.load(CorpusConfig(source="names", split_seed=7)).documents) == 32033
