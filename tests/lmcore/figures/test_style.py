import pytest

from lmcore.figures import style


def test_colors_can_be_mixed_and_made_transparent() -> None:
    assert style.rgba("#FF8000", 0.5) == "rgba(255,128,0,0.5)"
    assert style.mixed("#FF0000", "#0000FF") == "rgb(127,0,127)"


def test_characters_are_shown_literally() -> None:
    axis = style.character_axis("Character", ["1", "<b>", '"'])
    assert axis["ticktext"] == ["1", "&lt;b&gt;", '"']
    assert axis["tickvals"] == [0, 1, 2]


def test_more_series_than_colors_start_over() -> None:
    styles = list(style.series_styles([str(i) for i in range(20)]))
    assert len(styles) == 20
    assert styles[0][1] == styles[len(style.SERIES)][1]
    assert styles[0][1:] != styles[len(style.DASHES)][1:]


@pytest.mark.parametrize("text", ["No steps yet.", "Choose at least one model."])
def test_an_empty_figure_says_what_to_do(text: str) -> None:
    figure = style.empty_figure(text)
    assert not figure.data
    assert figure.layout.annotations[0].text == text
    assert not figure.layout.xaxis.visible
    assert not figure.layout.yaxis.visible
