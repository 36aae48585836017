"""What an open page costs the training: steps per second with a browser on the page, and without one.

    python -m benchmarks.page [--rounds 4] [--seconds 10]

Server, worker and browser share the machine, as on a student's laptop. The two conditions take turns.
"""

import statistics
import time

import click

from benchmarks.turns import Row, table
from benchmarks.visitor import visitor
from tests.browser.visitor import Visitor


def speed(tab: Visitor, address: str, seconds: float, is_open: bool) -> tuple[float, float]:
    """Steps per second and redraws per second while the page of a run is open, or closed."""
    tab.open(address)
    loss = tab.chart().wait()
    tab.page.wait_for_timeout(2000)  # the page has settled
    began, first = time.monotonic(), tab.step
    redraws = 0
    if is_open:
        loss.evaluate("{ window.redraws = 0; node.on('plotly_afterplot', () => window.redraws++); }")
        tab.page.wait_for_timeout(seconds * 1000)
        redraws = tab.page.evaluate("window.redraws")
    else:
        tab.page.goto("about:blank")
        tab.page.wait_for_timeout(seconds * 1000)
        tab.open(address)
    elapsed = time.monotonic() - began
    return (tab.step - first) / elapsed, redraws / elapsed


def measure(rounds: int, seconds: float = 10.0) -> list[Row]:
    """The median ratio of the two speeds, and how often the page was drawn."""
    ratios, frames = [], []
    with visitor() as tab:
        tab.open("/mlp?mlp_steps=10000000")
        tab.button("mlp.go").click()
        tab.wait_for_step(100)
        address = tab.page.url
        for _ in range(rounds):
            with_page, redraws = speed(tab, address, seconds, is_open=True)
            without, _ = speed(tab, address, seconds, is_open=False)
            ratios.append(with_page / without)
            frames.append(redraws)
    return [
        Row("one visitor: speed with the page open against without it", statistics.median(ratios), 0.95),
        Row("one visitor: redraws per second", statistics.median(frames), 3.5),
    ]


@click.command()
@click.option("--rounds", default=4, show_default=True)
@click.option("--seconds", default=10.0, show_default=True, help="Length of each measurement.")
def main(rounds: int, seconds: float) -> None:
    """Print the table."""
    print(table(measure(rounds, seconds)))


if __name__ == "__main__":
    main()
