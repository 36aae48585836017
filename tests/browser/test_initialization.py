"""Five runs on one chart."""

from playwright.sync_api import expect

from tests.browser.visitor import Visitor


def test_a_race_is_live_on_one_chart(visitor: Visitor) -> None:
    visitor.open("/initialization?locales=de_DE&init_steps=100000")
    visitor.button("init.race_go").click()
    visitor.chart("init.race_chart").wait_until(
        "Array.from(node._fullData).filter(trace => trace.x.length > 20).length === 5"
    )
    assert "race=" in visitor.page.url
    visitor.button("init.race_stop").click()
    expect(visitor.button("init.race_stop")).to_be_disabled()
    expect(visitor.button("init.race_go")).to_be_enabled()
