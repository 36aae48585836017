from lmcore import figures
from lmcore.figures.style import BLUE, ORANGE


def test_the_player_stands_out_among_the_models() -> None:
    figure = figures.ranking({"you": 1.0, "<b>": 2.0}, 3.3)
    assert figure.layout.yaxis.ticktext == ("you", "&lt;b&gt;")
    assert figure.data[0].marker.color == (ORANGE, BLUE)
    assert figure.layout.shapes[0].x0 == 3.3
    assert "lower is better" in figure.layout.xaxis.title.text


def test_before_the_first_guess_there_is_a_message() -> None:
    assert figures.ranking({}, 3.3).layout.annotations[0].text == "No guesses yet."
