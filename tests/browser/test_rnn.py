"""The recurrent network in NumPy."""

from tests.browser.visitor import Visitor


def test_all_gradients_are_checked_block_by_block(visitor: Visitor) -> None:
    visitor.open("/rnn?rnn_hidden=4")
    visitor.page.get_by_role("tab", name="Gradient check").click()
    visitor.button("rnn.every").click()
    visitor.wait_for_text("(all ")
