"""Labeled feature data and its splits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import train_test_split

from lmcore.data import cifar10, datasets, tables
from lmcore.data.cifar10 import Photographs
from lmcore.data.datasets import DataConfig, Dataset
from lmcore.data.table_features import ColumnUse
from lmcore.errors import UserError
from lmcore.families import run_config_from_settings

SOURCES = st.sampled_from(["clouds", "blobs", "moons", "circles", "digits"])


def same(one: Dataset, other: Dataset, *splits: str) -> bool:
    pairs = [(one.split(split), other.split(split)) for split in splits]
    return all(np.array_equal(a, b) for ours, theirs in pairs for a, b in zip(ours, theirs, strict=True))


# ---------------------------------------------------------------- splits


def test_without_a_dev_split_the_clouds_are_those_of_the_literature() -> None:
    X, y = make_classification(
        n_samples=200,
        n_features=3,
        n_informative=3,
        n_redundant=0,
        n_clusters_per_class=1,
        n_classes=4,
        random_state=100,
    )
    train, test, y_train, y_test = train_test_split(X, y, test_size=0.2, random_state=100)
    data = datasets.load(DataConfig(features=3, classes=4, dev_share=0))
    for ours, theirs in ((data.X_train, train), (data.X_test, test), (data.y_train, y_train), (data.y_test, y_test)):
        np.testing.assert_array_equal(ours, theirs)
    assert data.X_dev.shape == (0, 3)
    assert data.y_dev.shape == (0,)
    assert data.classes == ("A", "B", "C", "D")


@settings(max_examples=40)
@given(SOURCES, st.integers(50, 200), st.floats(0.05, 0.45), st.floats(0, 0.4), st.integers(0, 5))
def test_dev_is_taken_from_train_and_test_stays(source: str, n: int, test: float, dev: float, seed: int) -> None:
    config = DataConfig(source=source, examples=n, test_share=test, dev_share=dev, seed=seed, mislabeled=0)
    data, without = datasets.load(config), datasets.load(config.updated(dev_share=0))
    assert same(data, without, "test")
    np.testing.assert_array_equal(np.concatenate([data.X_train, data.X_dev]), without.X_train)
    np.testing.assert_array_equal(np.concatenate([data.y_train, data.y_dev]), without.y_train)
    assert len(data.y_dev) == round(dev * n)


@pytest.mark.parametrize("source", ["clouds", "blobs", "moons", "circles"])
def test_toy_data_have_the_requested_sizes(source: str) -> None:
    data = datasets.load(DataConfig(source=source, examples=100, test_share=0.3, dev_share=0.2))
    assert [len(data.split(split)[1]) for split in ("train", "dev", "test")] == [50, 20, 30]
    assert data.X_train.shape[1] == 2
    assert len(data.classes) == (2 if source in ("moons", "circles") else 3)


def test_shares_that_leave_nothing_for_training_are_refused() -> None:
    with pytest.raises(UserError, match="leave no examples"):
        datasets.load(DataConfig(test_share=0.8, dev_share=0.5))
    with pytest.raises(UserError, match="at least two classes"):
        datasets.load(DataConfig(examples=10, test_share=0.8, dev_share=0.1))  # one example is left


def test_normalization_uses_the_train_split_only_and_can_be_undone() -> None:
    config = DataConfig(source="blobs", dev_share=0.3)
    plain, normal = datasets.load(config), datasets.load(config.updated(normalize=True))
    np.testing.assert_allclose(normal.X_train.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(normal.X_train.std(0), 1, atol=1e-12)
    assert np.abs(normal.X_dev.mean(0)).max() > 1e-3
    np.testing.assert_array_equal(normal.mean, plain.X_train.mean(0))
    for split in ("train", "dev", "test"):
        np.testing.assert_allclose(normal.raw(normal.split(split)[0]), plain.split(split)[0], atol=1e-12)
        np.testing.assert_allclose(normal.normalized(plain.split(split)[0]), normal.split(split)[0], atol=1e-12)


# ---------------------------------------------------------------- toy data and points


def test_too_many_classes_for_clouds_are_refused_in_words() -> None:
    with pytest.raises(UserError, match="at most 4 classes, not 6"):
        datasets.load(DataConfig(features=2, classes=6))


@pytest.mark.parametrize("dev_share", [0, 0.1])
def test_points_entered_by_hand_join_train(dev_share: float) -> None:
    before = datasets.load(DataConfig(dev_share=dev_share))
    after = datasets.load(DataConfig(dev_share=dev_share, points=((0.5, -1.5, 2), (1.0, 1.0, 3))))
    np.testing.assert_array_equal(after.X_train[-2:], [[0.5, -1.5], [1, 1]])
    np.testing.assert_array_equal(after.y_train[-2:], [2, 3])
    assert len(after.X_train) == len(before.X_train) + 2
    assert same(before, after, "dev", "test")
    assert after.classes == ("A", "B", "C", "D")


def test_points_alone_need_two_classes() -> None:
    with pytest.raises(UserError, match="two classes"):
        datasets.load(DataConfig(source="points", points=((0, 0, 0), (1, 1, 0))))
    data = datasets.load(DataConfig(source="points", points=((0, 0, 0), (1, 1, 1))))
    np.testing.assert_array_equal(data.X_test, data.X_train)
    assert data.X_dev.shape == (0, 2)
    with pytest.raises(UserError, match="class from 0 to 5"):
        datasets.load(DataConfig(source="points", points=((0, 0, 0), (1, 1, 9))))


# ---------------------------------------------------------------- images and tables


def test_digits_are_scikit_learns_with_values_from_0_to_1() -> None:
    data = datasets.load(DataConfig(source="digits", examples=2000))
    X, _ = load_digits(return_X_y=True)
    assert len(data.X_train) + len(data.X_dev) + len(data.X_test) == len(X) == 1797
    assert (data.X_train.min(), data.X_train.max()) == (0, 1)
    assert data.image_shape == (8, 8, 1)
    assert len(data.y_test) == 360  # a fifth
    np.testing.assert_array_equal(data.images(data.X_train[:3])[..., 0], data.X_train[:3].reshape(3, 8, 8))


def test_a_subsample_depends_on_the_seed_alone() -> None:
    config = DataConfig(source="digits", examples=100, seed=5)
    one, other = datasets.load(config), datasets.load(config.updated(seed=6))
    datasets.load.cache_clear()
    assert same(datasets.load(config), one, "train", "dev", "test")
    assert not np.array_equal(other.X_train, one.X_train)


def test_photographs_are_taken_from_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    pixels = generator.integers(0, 256, (15, 3072), dtype=np.uint8)
    photographs = Photographs(pixels, np.arange(15, dtype=np.uint8) % 10)
    monkeypatch.setattr(cifar10, "read", lambda: photographs)
    data = datasets.load(DataConfig(source="cifar-10", examples=15, normalize=True, dev_share=0))
    assert data.X_train.dtype == np.float32
    assert data.X_train.shape == (12, 3072)
    assert data.images(data.X_train).shape == (12, 32, 32, 3)
    assert abs(float(data.X_train.mean())) < 1e-5
    assert data.classes[0] == "airplane"


def test_a_table_becomes_a_data_set() -> None:
    lines = [f"{i},{i * i % 11},note {i},{'ab'[i % 2]}" for i in range(40)]
    name = tables.save(("a,b,text,kind\n" + "\n".join(lines)).encode(), "mine.csv")
    data = datasets.load(DataConfig(source=name, label="kind", examples=1000))
    assert data.features == ("a", "b")
    assert data.classes == ("a", "b")
    assert data.columns[2] == ColumnUse("text", "left out: text with 40 different values")
    assert [len(data.split(split)[1]) for split in ("train", "dev", "test")] == [28, 4, 8]
    assert same(datasets.load(DataConfig(source=name, examples=1000)), data, "train")  # the last column is the label


def table(*labels: str) -> str:
    """The name of a table with these labels, and two columns in units of different size."""
    lines = [f"{i * i % 11},{i % 7 * 1000},{label}" for i, label in enumerate(labels)]
    return tables.save(("a,b,y\n" + "\n".join(lines)).encode(), "table.csv")


def test_every_class_of_a_table_is_in_every_split() -> None:
    source = table(*["often"] * 60, *["rare"] * 3, *["twice"] * 2, "once")
    data = datasets.load(DataConfig(source=source, examples=1000))
    counts = {split: np.bincount(data.split(split)[1], minlength=4).tolist() for split in ("train", "dev", "test")}
    assert data.classes == ("often", "once", "rare", "twice")
    assert counts == {"train": [42, 1, 1, 1], "dev": [6, 0, 1, 0], "test": [12, 0, 1, 1]}
    assert data.remarks == (
        "The class 'once' has 1 row: too few to be in every split.",
        "The class 'twice' has 2 rows: too few to be in every split.",
    )
    without = datasets.load(DataConfig(source=source, examples=1000, dev_share=0))
    assert same(data, without, "test")
    assert not (np.diff(data.y_train) >= 0).all()  # the classes are mixed
    with pytest.raises(UserError, match="leave no examples"):
        datasets.load(DataConfig(source=table(*"ab" * 8), test_share=0.8, dev_share=0.5))


def test_tables_are_used_as_a_whole_and_normalized_unless_settings_say_otherwise() -> None:
    source = table(*"ab" * 150)
    config = run_config_from_settings({"family": "softmax-regression", "source": source})
    data = datasets.load(config.data)
    assert sum(len(data.split(split)[1]) for split in ("train", "dev", "test")) == 300
    np.testing.assert_allclose(data.X_train.std(0), 1)
    given = {"family": "softmax-regression", "source": source, "examples": 100, "normalize": False, "data_seed": 42}
    sample = datasets.load(run_config_from_settings(given).data)
    assert sample.remarks == ("100 of 300 rows, drawn with seed 42.",)
    assert sample.X_train.max() == 6000


def test_a_feature_that_is_constant_up_to_rounding_is_not_blown_up() -> None:
    rows = [f"{0.1 + (0.1 if i == 0 else 0)},{i % 7},{'ab'[i % 2]}" for i in range(40)]
    source = tables.save(("a,b,y\n" + "\n".join(rows)).encode(), "table.csv")
    found = [datasets.load(DataConfig(source=source, normalize=True, seed=seed)) for seed in range(20)]
    assert any(data.scale[0] == 1 for data in found)  # the row that differs is not in train
    assert all(np.abs(data.split(split)[0]).max() < 10 for data in found for split in ("train", "dev", "test"))


@pytest.mark.parametrize("source", ["nonsense", "text:../../etc/passwd", "text:" + "0" * 24 + "-x", ""])
def test_a_data_set_that_does_not_exist_is_refused_in_words(source: str) -> None:
    with pytest.raises(UserError):
        datasets.load(DataConfig(source=source))
