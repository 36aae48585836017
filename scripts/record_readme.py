"""Records the pictures of the README: an animation of a training run, and a page of each section.

    python -m scripts.record_readme

It takes a few minutes, needs Chromium, and writes WebP files into `docs/pictures/`.
"""

import io
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

from tests.browser.server import Server
from tests.browser.visitor import FLAGS, Visitor

FOLDER = Path(__file__).parents[1] / "docs" / "pictures"
WINDOW = {"width": 1280, "height": 1150}
WIDTH = 960  # of the pictures, in pixels
STEPS, FRAMES, MILLISECONDS = 100_000, 25, 300  # of the animation
TRAINING_TIMEOUT = 300_000  # milliseconds


@contextmanager
def visitor() -> Iterator[Visitor]:
    """A tab of a server of its own."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        server = Server(Path(folder))
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        try:
            yield Visitor(browser.new_page(viewport=WINDOW), server.url)
        finally:
            browser.close()
            server.stop()


def picture(tab: Visitor) -> Image.Image:
    """What the tab shows."""
    image = Image.open(io.BytesIO(tab.page.screenshot())).convert("RGB")
    return image.resize((WIDTH, WIDTH * image.height // image.width), Image.Resampling.LANCZOS)


def save(name: str, *frames: Image.Image) -> None:
    """A picture, or the frames of an animation that stays on the last one for a while."""
    durations = [MILLISECONDS] * (len(frames) - 1) + [3000]
    more = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": 0} if frames[1:] else {}
    path = FOLDER / f"{name}.webp"
    frames[0].save(path, quality=60, method=6, **more)
    print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def train(tab: Visitor, address: str, key: str) -> None:
    """Opens a page, and trains its model to the last step."""
    tab.open(address)
    tab.chart().wait()
    tab.button(f"{key}.go").click()
    expect(tab.button(f"{key}.go")).to_be_disabled(timeout=TRAINING_TIMEOUT)
    tab.wait_until_idle()


def animation(tab: Visitor) -> list[Image.Image]:
    """The page MLP from the first step to the last."""
    tab.open(f"/mlp?mlp_steps={STEPS}&mlp_evaluate_every=2000")
    tab.chart().wait()
    frames = [picture(tab)]
    tab.button("mlp.go").click()
    for frame in range(1, FRAMES):
        tab.wait_for_step(frame * STEPS // (FRAMES - 1))
        frames.append(picture(tab))
    return frames


def opened(address: str) -> Callable[[Visitor], None]:
    """A page as a visitor finds it."""
    return lambda tab: tab.open(address)


def passage(tab: Visitor) -> None:
    """A text, colored by the surprise of an LSTM."""
    train(tab, "/gru-lstm?text=python-reference&lstm_steps=600", "lstm")
    tab.choose_tab("Passage")


PAGES: dict[str, Callable[[Visitor], None]] = {
    "data": opened("/dataset"),
    "counting": opened("/bigram"),
    "rnn": passage,
    "classifiers": lambda tab: train(tab, "/linear?linear_steps=5000", "linear"),
    "inside": lambda tab: train(tab, "/activations?act_steps=1000", "act"),
    "lab": opened("/sample"),
}


def main() -> None:
    """Record everything."""
    FOLDER.mkdir(exist_ok=True)
    with visitor() as tab:
        tab.open("/")
        tab.page.wait_for_selector(".miniature svg")
        save("home", picture(tab))
        frames = animation(tab)
        save("training", *frames)
        save("mlp", frames[-1])
        for name, show in PAGES.items():
            show(tab)
            tab.chart().wait()
            save(name, picture(tab))


if __name__ == "__main__":
    main()
