"""The map of embeddings shows the snapshots that are played."""

from tests.browser.visitor import Visitor

FIRST_TRACE = "Array.from(node._fullData[0].x).join()"


def test_letters_drift_when_the_snapshots_are_played(visitor: Visitor) -> None:
    visitor.open("/embeddings?locales=de_DE&emb_steps=300&emb_embedding=3")
    drawn = visitor.chart("emb.map").wait()
    visitor.button("emb.go").click()
    visitor.wait_for_text("finished", exact=True)
    visitor.wait_until_idle()
    last = drawn.evaluate(FIRST_TRACE)
    visitor.button("emb.play").click()
    drawn.wait_until(f"{FIRST_TRACE} !== arg", last)  # it begins at step 0
    visitor.page.get_by_role("radio", name="3", exact=True).click()  # another picture while one plays
    drawn.wait_until("node._fullData[0].type === 'scatter3d'")
    visitor.page.get_by_role("radio", name="2", exact=True).click()
    drawn.wait_until("node._fullData[0].type === 'scatter'")
    drawn.wait_until(f"{FIRST_TRACE} === arg", last)  # and comes back to the end
