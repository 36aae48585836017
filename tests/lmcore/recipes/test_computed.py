"""Recipes that are computed at once."""

import numpy as np
import pytest

from lmcore.data import cifar10
from lmcore.errors import UserError
from lmcore.recipes.computed import train_on_photographs
from lmcore.recipes.published import RECIPES
from tests.lmcore.data.test_cifar10 import packed, placed


@pytest.mark.slow
def test_the_photographs_are_those_of_an_archive_of_the_published_format(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    labels = np.arange(1500) % 10
    bright = labels[:, None] * 20 + generator.integers(0, 50, (1500, cifar10.RECORD_SIZE - 1))  # a class has its shade
    records = np.column_stack([labels, bright]).astype(np.uint8)
    batches = {f"{cifar10.FOLDER}/data_batch_{i + 1}.bin": records[i * 750 : (i + 1) * 750].tobytes() for i in (0, 1)}
    monkeypatch.setattr(cifar10, "ARCHIVE", placed(packed(batches)))
    values = train_on_photographs().values
    assert values.keys() == {number.name for number in RECIPES["cifar-10"].numbers}
    assert values["first loss, 100 hidden units"] == pytest.approx(np.log(10), abs=0.01)
    assert values["first loss, linear"] == pytest.approx(np.log(10), abs=0.3)
    for name in ("linear", "100 hidden units"):
        assert values[f"loss after 100 passes, {name}"] < values[f"first loss, {name}"] - 0.05


def test_without_the_archive_it_says_what_to_download() -> None:
    with pytest.raises(UserError, match=r"Download https://.*cifar-10-binary.tar.gz"):
        train_on_photographs()
