"""Toy data, tables and CIFAR-10: what comes out is right, and what cannot be used is refused in words."""

import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_classification
from sklearn.model_selection import train_test_split

from lmcore.data import cifar10, datasets, sources, tables
from lmcore.data.cifar10 import FOLDER, RECORD, Archive
from lmcore.data.datasets import DataConfig
from lmcore.errors import UserError


def test_the_clouds_are_those_of_the_reference() -> None:
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
    data = datasets.load(DataConfig(features=3, classes=4))
    for ours, theirs in ((data.X_train, train), (data.X_test, test), (data.y_train, y_train), (data.y_test, y_test)):
        np.testing.assert_array_equal(ours, theirs)
    assert data.classes == ("A", "B", "C", "D")


@pytest.mark.parametrize("source", ["clouds", "blobs", "moons", "circles"])
def test_toys_have_the_examples_and_the_split_that_were_asked_for(source: str) -> None:
    data = datasets.load(DataConfig(source=source, examples=100, test_share=0.3))
    assert (len(data.X_train), len(data.X_test)) == (70, 30)
    assert data.X_train.shape[1] == 2
    assert len(data.classes) == (2 if source in ("moons", "circles") else 3)


def test_too_many_classes_for_the_clouds_are_refused_in_words() -> None:
    with pytest.raises(UserError, match="room for 4 classes, not 6"):
        datasets.load(DataConfig(features=2, classes=6))


def test_normalized_features_have_mean_0_and_deviation_1_and_can_be_turned_back() -> None:
    plain, normal = (datasets.load(DataConfig(source="blobs", normalize=switch)) for switch in (False, True))
    np.testing.assert_allclose(normal.X_train.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(normal.X_train.std(0), 1, atol=1e-12)
    np.testing.assert_allclose(normal.raw(normal.X_test), plain.X_test, atol=1e-12)
    np.testing.assert_allclose(normal.scaled(plain.X_test), normal.X_test, atol=1e-12)


def test_points_given_by_hand_join_train() -> None:
    before = datasets.load(DataConfig())
    after = datasets.load(DataConfig(points=((0.5, -1.5, 2), (1.0, 1.0, 3))))
    np.testing.assert_array_equal(after.X_train[-2:], [[0.5, -1.5], [1, 1]])
    np.testing.assert_array_equal(after.y_train[-2:], [2, 3])
    assert len(after.X_train) == len(before.X_train) + 2
    assert after.classes == ("A", "B", "C", "D")


def test_points_alone_need_two_classes() -> None:
    with pytest.raises(UserError, match="two classes"):
        datasets.load(DataConfig(source="points", points=((0, 0, 0), (1, 1, 0))))
    data = datasets.load(DataConfig(source="points", points=((0, 0, 0), (1, 1, 1))))
    np.testing.assert_array_equal(data.X_test, data.X_train)
    with pytest.raises(UserError, match="class from 0 to 5"):
        datasets.load(DataConfig(source="points", points=((0, 0, 0), (1, 1, 9))))


def test_digits_are_scikit_learns_with_values_from_0_to_1() -> None:
    data = datasets.load(DataConfig(source="digits", examples=2000))
    X, _ = load_digits(return_X_y=True)
    assert len(data.X_train) + len(data.X_test) == len(X) == 1797
    assert (data.X_train.min(), data.X_train.max()) == (0, 1)
    assert data.picture == (8, 8, 1)
    assert len(data.y_test) == 360  # a fifth


def test_a_subsample_depends_on_the_seed_alone() -> None:
    config = DataConfig(source="digits", examples=100, seed=5)
    one, other = datasets.load(config), datasets.load(config.updated(seed=6))
    datasets.load.cache_clear()
    np.testing.assert_array_equal(datasets.load(config).X_train, one.X_train)
    assert not np.array_equal(other.X_train, one.X_train)


# ---------------------------------------------------------------- tables

TABLE = "height;weight;kind\n" + "\n".join(f"1,{i};{50 + i % 7};{'cat' if i % 3 else 'dog'}" for i in range(30))


def kept(text: str) -> str:
    return tables.keep(text.encode(), "my animals.csv")


def test_a_table_is_found_again_under_the_hash_of_its_content() -> None:
    name = kept(TABLE)
    assert name.startswith("text:")
    assert name == kept(TABLE)
    tables.read.cache_clear()  # as another process finds it
    data = datasets.load(DataConfig(source=name, examples=2000, label="kind"))
    assert data.features == ("height", "weight")
    assert data.classes == ("cat", "dog")
    assert len(data.X_train) + len(data.X_test) == 30
    assert 1.2 in data.X_train[:, 0] or 1.2 in data.X_test[:, 0]  # the comma was the decimal sign


def test_text_constant_and_missing_cells_are_left_out_in_words() -> None:
    lines = [f"{i},{i * i % 11},x{i},7,{'ab'[i % 2]}" for i in range(20)]
    lines[3] = "NA,4,x3,7,a"
    lines[8] = "8,9,x8,7,?"
    read = tables.features(tables.read(kept("a,b,name,same,kind\n" + "\n".join(lines))), "kind")
    assert read.names == ("a", "b")
    assert len(read.X) == 18
    assert np.isfinite(read.X).all()
    assert read.remarks == (
        "Left out, because they hold text: name.",
        "Left out, because they never change: same.",
        "Left out: 2 lines with missing values.",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "too small"),
        ("a,b\n" + "1,2\n" * 20 + "1,2,3\n", "Line 22 .* has 3 cells, the header 2"),
        ("a\n" + "1\n" * 30, "too small"),
        ("a,b\n" + "1,2\n" * 20_001, "20,001 lines"),
        ("", "empty"),
        ("\0\1\2" * 100, "binary|text in an encoding"),
    ],
)
def test_what_is_no_table_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        kept(text)


@pytest.mark.parametrize(
    ("text", "label", "words"),
    [
        ("a,b\n" + "\n".join(f"{i},{i}" for i in range(30)), "b", "30 different values"),
        ("a,b\n" + "\n".join(f"{i},1" for i in range(30)), "b", "1 different values"),
        ("a,b\n" + "\n".join(f"x,{i % 2}" for i in range(30)), "b", "Too little is left.*hold text: a"),
        ("a,b\n" + "\n".join(f"{i},1" for i in range(30)), "c", "no column 'c'; choose one of: a, b"),
    ],
)
def test_a_table_that_teaches_nothing_is_refused_in_words(text: str, label: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        datasets.load(DataConfig(source=kept(text), label=label))


def test_columns_of_one_name_are_told_apart() -> None:
    table = tables.read(kept("a,a,,b\n" + "1,2,3,4\n" * 20))
    assert table.header == ("a", "a (2)", "column 3", "b")


@pytest.mark.parametrize("source", ["nonsense", "text:../../etc/passwd", "text:" + "0" * 24 + "-x", ""])
def test_data_that_do_not_exist_are_refused_in_words(source: str) -> None:
    with pytest.raises(UserError):
        datasets.load(DataConfig(source=source))


@given(st.text(max_size=300))
@settings(max_examples=150)
def test_no_table_raises_anything_but_a_user_error(text: str) -> None:
    try:
        table = tables._parse(text, "t")
        for label in table.header:
            tables.features(table, label)
    except UserError:
        pass


# ---------------------------------------------------------------- CIFAR-10


def records(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).integers(0, 256, (count, RECORD), dtype=np.uint8)
    made[:, 0] %= 10
    return made


def packed(members: dict[str, bytes], **kinds: bytes) -> bytes:
    """A gzipped tar with these members; ``kinds`` gives types other than a plain file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return buffer.getvalue()


def placed(content: bytes) -> Archive:
    """The archive of this content, in the data folder, with its true size and hash."""
    archive = Archive("http://127.0.0.1:9/none", len(content), hashlib.sha256(content).hexdigest())
    archive.path.parent.mkdir(parents=True, exist_ok=True)
    archive.path.write_bytes(content)
    return archive


GOOD = {
    f"{FOLDER}/batches.meta.txt": b"airplane\n",
    f"{FOLDER}/data_batch_1.bin": records(7).tobytes(),
    f"{FOLDER}/data_batch_2.bin": records(5, 1).tobytes(),
    f"{FOLDER}/readme.html": b"<p>",
    f"{FOLDER}/test_batch.bin": records(3, 2).tobytes(),
}


def test_a_good_archive_gives_its_pictures_pixel_by_pixel() -> None:
    read = cifar10.read(placed(packed(GOOD)))
    everything = np.concatenate([records(7), records(5, 1), records(3, 2)])
    np.testing.assert_array_equal(read.labels, everything[:, 0])
    red, green, blue = everything[4, 1:].reshape(3, 32, 32)
    picture = read.pixels[4].reshape(32, 32, 3)
    np.testing.assert_array_equal(picture, np.stack([red, green, blue], -1))


def test_the_published_archive_is_pinned() -> None:
    assert cifar10.CIFAR.size == 170_052_171
    assert cifar10.CIFAR.sha256 == "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"


def test_a_data_set_of_photographs_is_drawn_from_the_archive(monkeypatch: pytest.MonkeyPatch) -> None:
    archive = placed(packed(GOOD))
    monkeypatch.setattr(cifar10, "read", lambda read=cifar10.read: read(archive))
    data = datasets.load(DataConfig(source="cifar-10", examples=15, normalize=True))
    assert data.X_train.dtype == np.float32
    assert data.X_train.shape == (12, 3072)
    assert data.pictures(data.X_train).shape == (12, 32, 32, 3)
    assert abs(float(data.X_train.mean())) < 1e-5


def cut(content: bytes) -> bytes:
    """A gzipped tar whose inside breaks off, though the gzip is whole."""
    return gzip.compress(gzip.decompress(content)[: -10 * 1024 - 3000])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed(GOOD)[:-200], "cannot be unpacked"),
        (cut(packed(GOOD)), "breaks off|cannot be unpacked"),
        (packed({f"{FOLDER}/data_batch_1.bin": records(2).tobytes()[:-1]}), "6,145 bytes, which is not"),
        (packed({f"{FOLDER}/data_batch_1.bin": bytes(RECORD * 10_001)}), "which is not up to 10,000 pictures"),
        (packed({"../../evil.bin": b"x"}), "'../../evil.bin', which does not belong"),
        (packed({f"{FOLDER}/../../evil": b"x"}), "does not belong"),
        (packed({"/tmp/evil": b"x"}), "'/tmp/evil', which does not belong"),
        (packed({f"{FOLDER}/data_batch_6.bin": b""}), "does not belong"),
        (packed({}, **{f"{FOLDER}/data_batch_1.bin": tarfile.SYMTYPE}), "does not belong"),
        (packed({}, **{f"{FOLDER}/data_batch_1.bin": tarfile.LNKTYPE}), "does not belong"),
        (packed({}), "holds no pictures"),
        (packed({f"{FOLDER}/data_batch_1.bin": bytes([200]) + bytes(RECORD - 1)}), "a class that does not exist"),
        (b"this is no archive at all", "cannot be unpacked"),
    ],
)
def test_an_archive_that_is_not_right_is_refused_in_words(content: bytes, words: str) -> None:
    archive = placed(content)
    before = sorted(sources.data_folder().rglob("*"))
    with pytest.raises(UserError, match=words):
        cifar10.read(archive)
    assert sorted(sources.data_folder().rglob("*")) == before  # nothing was written anywhere


def test_another_size_or_hash_is_refused_before_anything_is_unpacked() -> None:
    archive = placed(packed(GOOD))
    with pytest.raises(UserError, match="the published one has"):
        cifar10.read(replace(archive, size=archive.size + 1))
    with pytest.raises(UserError, match="its hash differs"):
        cifar10.read(replace(archive, sha256="0" * 64))
    archive.path.unlink()
    with pytest.raises(UserError, match="not on this computer yet"):
        cifar10.read(archive)


def test_a_dropped_archive_is_not_listed_as_a_text() -> None:
    placed(packed(GOOD))
    assert not [source for source in sources.sources() if "cifar" in source.name]


# ---------------------------------------------------------------- download


class Shelf(HTTPServer):
    """A server of one file, which breaks off after some bytes, and notes what was asked for."""

    content = b""
    breaks_after: int | None = None
    knows_ranges = True


class Answer(BaseHTTPRequestHandler):
    server: Shelf

    def do_GET(self) -> None:
        asked = self.headers.get("Range", "") if self.server.knows_ranges else ""
        first = int(asked.removeprefix("bytes=").removesuffix("-") or 0) if asked else 0
        ranges.append(asked)
        rest = self.server.content[first:]
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.breaks_after])
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        pass


ranges: list[str] = []


@pytest.fixture
def shelf() -> Iterator[Shelf]:
    ranges.clear()
    server = Shelf(("127.0.0.1", 0), Answer)
    server.content = packed(GOOD)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def at(shelf: Shelf) -> Archive:
    content = shelf.content
    url = f"http://127.0.0.1:{shelf.server_port}/cifar.tar.gz"
    return Archive(url, len(content), hashlib.sha256(content).hexdigest())


def test_a_broken_download_goes_on_where_it_broke_off(shelf: Shelf) -> None:
    shelf.breaks_after = 20_000
    with pytest.raises(UserError, match="the connection broke off"):
        cifar10.download(archive=at(shelf))
    kept = at(shelf).partial.stat().st_size
    assert 20_000 - cifar10.CHUNK < kept <= 20_000
    shelf.breaks_after = None
    told: list[tuple[int, int]] = []
    cifar10.download(lambda *numbers: told.append(numbers), at(shelf))
    assert ranges == ["", f"bytes={kept}-"]
    assert told[0][0] > kept
    assert told[-1] == (at(shelf).size, at(shelf).size)
    assert len(cifar10.read(at(shelf)).labels) == 15
    assert not at(shelf).partial.exists()


def test_a_server_that_knows_no_ranges_starts_again(shelf: Shelf) -> None:
    shelf.breaks_after, shelf.knows_ranges = 20_000, False
    with pytest.raises(UserError):
        cifar10.download(archive=at(shelf))
    shelf.breaks_after = None
    cifar10.download(archive=at(shelf))
    assert at(shelf).path.read_bytes() == shelf.content


def test_what_is_not_the_published_file_is_thrown_away(shelf: Shelf) -> None:
    with pytest.raises(UserError, match="its hash differs"):
        cifar10.download(archive=replace(at(shelf), sha256="0" * 64))
    assert not at(shelf).path.exists()
    assert not at(shelf).partial.exists()
    with pytest.raises(UserError, match="its hash differs"):
        cifar10.download(archive=replace(at(shelf), size=at(shelf).size - 5))  # longer than it may be
    assert not at(shelf).path.exists()


def test_without_a_server_the_words_say_so() -> None:
    with pytest.raises(UserError, match="no connection to the server"):
        cifar10.download(archive=Archive("http://127.0.0.1:9/none", 5, "0" * 64), timeout=1)
