"""A corpus in numbers and examples."""

import pytest

from lmcore.data.corpora import Corpus, CorpusConfig, from_text
from lmcore.data.corpus_summary import context_table, excerpt, repetition_remark, summarize
from lmcore.errors import UserError

LINES = CorpusConfig(units="lines")
RUNNING = CorpusConfig(units="running")


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


def test_a_text_shorter_than_the_context_gives_an_empty_table() -> None:
    assert len(context_table(from_text("abab", config=RUNNING), "ab", 4)) == 0
    with pytest.raises(UserError, match="'z'"):
        context_table(from_text("abab", config=RUNNING), "z", 2)


def test_documents_are_summarized() -> None:
    summary = summarize(from_text("\n".join(["ab", "abb", "b"] * 10), config=LINES))
    assert (summary.n_documents, summary.n_characters) == (30, 60)
    assert summary.vocabulary["character"].tolist() == [".", "a", "b"]
    assert summary.vocabulary["count"].tolist() == [30, 20, 40]
    assert summary.vocabulary["share"].sum() == pytest.approx(1)
    assert dict(zip(summary.lengths, summary.n_of_length, strict=True)) == {1: 10, 2: 10, 3: 10}
    assert summary.splits["documents"].tolist() == [24, 3, 3]


def test_running_text_is_summarized_by_its_lines() -> None:
    summary = summarize(from_text("ab\nabc\n\nb", config=RUNNING))
    assert (summary.n_documents, summary.n_characters) == (0, 9)
    assert dict(zip(summary.lengths, summary.n_of_length, strict=True)) == {0: 1, 1: 1, 2: 1, 3: 1}
    assert summary.splits["characters"].tolist() == [7, 1, 1]
    assert "documents" not in summary.splits


def test_an_excerpt_shows_documents_from_all_over_the_corpus() -> None:
    names = [f"name{chr(97 + i % 26)}" for i in range(400)]
    assert excerpt(from_text("\n".join(names), config=LINES)).split("\n") == names[::10]
    assert excerpt(from_text("abcd" * 500, config=RUNNING), 10) == "abcdabcdab…"


def test_a_long_document_is_cut_in_the_excerpt_and_it_is_said() -> None:
    lines = excerpt(from_text("\n".join(["emma", "x" * 2_000_000, "ava"]), config=LINES)).split("\n")
    assert lines == ["emma", "x" * 600 + "…", "ava"]
    running = excerpt(from_text("ab" * 1_000_000, config=RUNNING))
    assert (len(running), running[-1]) == (601, "…")


def test_repeated_documents_are_counted_and_can_be_dropped() -> None:
    text = "\n".join(["emma", "olivia", "ava", "mia", "zoe"] * 200)
    remark = repetition_remark(summarize(from_text(text, config=LINES)))
    assert remark == "1,000 documents, 5 different; every dev document is also in train."
    once = from_text(text, config=LINES.updated(drop_duplicates=True))
    assert once.documents == ("emma", "olivia", "ava", "mia", "zoe")
    assert repetition_remark(summarize(once)) == ""
    assert repetition_remark(summarize(from_text(text, config=RUNNING))) == ""


def test_the_dev_documents_that_are_also_in_train_are_counted(names: Corpus) -> None:
    summary = summarize(names)
    train = {names.documents[i] for i in names.document_splits["train"]}
    shared = [names.documents[i] in train for i in names.document_splits["dev"]]
    remark = repetition_remark(summary)
    assert (
        remark
        == f"32,033 documents, 29,494 different; {sum(shared):,} of {len(shared):,} dev documents are also in train."
    )


def test_contexts_from_right_to_left_read_from_their_boundary_on() -> None:
    corpus = from_text("محمد\nفاطمة", config=LINES)
    contexts = context_table(corpus, "محمد", 3)["context"]
    assert contexts[1] == "\u2068..م\u2069"
    assert context_table(from_text("emma\nava", config=LINES), "emma", 3)["context"][1] == "..e"
