"""The explanation of every page: its links set up their pages, its terms are in the glossary, its numbers are right."""

import math
import re

import pytest
import torch
from streamlit.testing.v1 import AppTest

from lmcore import families
from lmcore.models.wavenet import WaveNetConfig
from lmcore.nn.initialization import GAINS
from lmcore.recipes.published import RECIPES
from tests.pages.app_testing import visit
from ui import explain, glossary, links, navigation

PAGES = [page.folder for page in navigation.ALL]
LINKS = [(folder, at) for folder in PAGES for at in range(3)]


def words(text: str) -> int:
    return len(re.sub(r"\$.*?\$", " ", text, flags=re.DOTALL).split())


@pytest.mark.parametrize("folder", PAGES)
def test_an_explanation_has_all_its_parts(folder: str) -> None:
    explanation = explain.read(folder)
    assert 150 <= words(explanation.text) <= 400
    headings = re.findall(r"^#### (.+)$", explanation.text, flags=re.MULTILINE)
    assert headings == ["How to read the pictures", "Easily misunderstood"]
    assert explanation.text.splitlines()[-1].startswith("Source: ")
    assert len(explanation.links) == 3
    assert set(explanation.terms) <= set(glossary.entries())


@pytest.mark.parametrize(("folder", "at"), LINKS)
def test_a_link_sets_up_its_page(app: AppTest, folder: str, at: int) -> None:
    link = explain.read(folder).links[at]
    app.query_params = dict(link.settings)
    visit(app, link.page.folder)
    assert not app.exception
    assert not app.warning
    assert all(links.fits(app.session_state[name], [value]) for name, value in link.settings.items())


def test_it_is_unfolded_on_the_page(app: AppTest) -> None:
    visit(app, "mlp/mlp")
    folded = [markdown.value for markdown in app.markdown]
    app.session_state["explain"] = True
    app.run()
    assert explain.read("mlp/mlp").text not in folded
    assert explain.read("mlp/mlp").text in [markdown.value for markdown in app.markdown]
    assert not app.exception


# ---------------------------------------------------------------- numbers and formulas


def test_a_recipe_with_a_bad_start_costs_more_than_eight_times_guessing() -> None:
    assert "more than eight times guessing" in explain.read("lab/recipes").links[1].sentence
    first = next(number.value for number in RECIPES["mlp-naive"].numbers if number.name == "first loss")
    assert 8 < first / math.log(27) < 9


def test_the_gain_of_tanh() -> None:
    assert GAINS["tanh"] == 5 / 3
    assert "$5/3$" in explain.read("inside/activations").text


def test_the_larger_wavenet_has_more_than_three_times_the_weights() -> None:
    link = explain.read("mlp/wavenet").links[1]
    assert link.sentence.startswith("More than three times the weights")
    larger = {name.removeprefix("wave_"): int(value) for name, value in link.settings.items()}
    count = families.find("wavenet").count_parameters
    assert 3 < count(WaveNetConfig(**larger), 27) / count(WaveNetConfig(), 27) < 4


def test_the_gradient_of_the_neural_bigram() -> None:
    """p(a) (p(b|a) - f(b|a)), with p(a) the share of pairs that begin with a."""
    counts = torch.tensor([[3.0, 1.0], [2.0, 6.0]], dtype=torch.float64)
    W = torch.randn(2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(1), requires_grad=True)
    loss = -(counts * torch.log_softmax(W, 1)).sum() / counts.sum()
    loss.backward()
    share, frequencies = counts.sum(1, keepdim=True) / counts.sum(), counts / counts.sum(1, keepdim=True)
    torch.testing.assert_close(W.grad, share * (torch.softmax(W, 1) - frequencies).detach())
