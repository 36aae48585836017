from lmcore import figures


def test_the_share_of_known_words_is_drawn_over_the_steps() -> None:
    figure = figures.known_word_shares([(0, 0.0), (100, 0.5), (200, 0.75)])
    assert figure.layout.xaxis.type == "log"
    assert figure.data[0].x.tolist() == [1, 100, 200]
    assert figure.data[0].y.tolist() == [0, 0.5, 0.75]


def test_without_snapshots_there_is_a_message() -> None:
    assert figures.known_word_shares([]).layout.annotations
