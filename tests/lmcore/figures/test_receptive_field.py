from lmcore import figures
from lmcore.figures.style import ORANGE, SKY
from lmcore.inspection.receptive_field import Level

LEVELS = [
    Level(["embedding"], [(32, 8, 10)], [(i, i + 1) for i in range(8)]),
    Level(["flatten", "tanh"], [(32, 4, 20), (32, 4, 6)], [(i, i + 2) for i in range(0, 8, 2)]),
    Level(["tanh2"], [(32, 2, 6)], [(0, 4), (4, 8)]),
]


def test_everything_that_the_chosen_node_sees_is_in_color() -> None:
    faint, bright, nodes = figures.receptive_field(LEVELS, "....<b>a", (2, 1)).data
    colors = nodes.marker.color
    assert colors[13] == ORANGE
    assert [color == SKY for color in colors[:8]] == [False] * 4 + [True] * 4
    assert nodes.text[4] == "&lt;"
    assert len(bright.x) == len(faint.x) == 3 * 6  # four characters and two pairs on each side
    assert list(nodes.customdata[13])[:2] == [2, 1]
