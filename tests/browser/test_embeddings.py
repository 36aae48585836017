"""The map of embeddings plays its own snapshots."""

from tests.browser.visitor import Visitor

FIRST_TRACE = "Array.from(node._fullData[0].x).join()"


def test_letters_drift_when_the_snapshots_are_played(visitor: Visitor) -> None:
    visitor.open("/embeddings?locales=de_DE&emb_steps=300&emb_embedding=3")
    drawn = visitor.chart().wait()
    visitor.button("emb.go").click()
    visitor.wait_for_text("finished", exact=True)
    play = drawn.node.locator(".updatemenu-button").first
    play.wait_for()
    last = drawn.evaluate(FIRST_TRACE)
    play.click()
    drawn.wait_until(f"{FIRST_TRACE} !== arg", last)  # it begins at step 0
    drawn.wait_until(f"{FIRST_TRACE} === arg", last)  # and comes back to the end
    play.click()
    drawn.wait_until(f"{FIRST_TRACE} !== arg", last)
    visitor.page.get_by_role("radio", name="3", exact=True).click()  # another picture while one plays
    drawn.wait_until("node._fullData[0].type === 'scatter3d'")
