"""Samples of text that is written from right to left stay in their columns."""

from tests.browser.conftest import NewVisitor
from tests.browser.server import Server

NAMES = "محمد\nفاطمة\nأحمد\nعائشة\nزينب\nيوسف\n"

POSITIONS = """() => {
  const text = document.querySelector(".live .text pre").firstChild;
  let at = 0;
  return text.data.split("\\n").map((line) => {
    let start = at;
    at += line.length + 1;
    return line.split("\\t").map((cell) => {
      const range = document.createRange();
      range.setStart(text, start);
      range.setEnd(text, start + cell.length);
      start += cell.length + 1;
      const { left, right } = range.getBoundingClientRect();
      return cell.replace(/[\\u2068\\u2069]/g, "") ? [left, right] : null;
    });
  });
}"""


def test_each_random_draw_stays_in_one_column(own_server: Server, new_visitor: NewVisitor) -> None:
    (own_server.folder / "data").mkdir(exist_ok=True)
    (own_server.folder / "data" / "names.txt").write_text(NAMES * 40, encoding="utf-8")
    visitor = new_visitor(own_server.url)
    visitor.open("/mlp?text=file:names.txt&mlp_steps=200")
    visitor.button("mlp.go").click()
    visitor.wait_for_step(200)
    lines = visitor.page.evaluate(POSITIONS)[1:]
    assert len(lines) > 5
    (n_columns,) = {len(line) for line in lines}
    assert 4 < n_columns < 13  # the step and the samples that fit, of twelve
    for column in list(zip(*lines, strict=True))[1:]:
        shown = [cell for cell in column if cell]
        assert len({round(left) for left, _ in shown}) == 1
    for line in lines:
        shown = [cell for cell in line if cell]
        assert shown == sorted(shown)
