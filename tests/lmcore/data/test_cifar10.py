"""The archive of CIFAR-10: pixels arrive where they belong, and anything unexpected is refused."""

import gzip
import hashlib
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest

from lmcore.data import cifar10, files, sources
from lmcore.data.cifar10 import FOLDER, RECORD_SIZE
from lmcore.data.downloads import RemoteFile
from lmcore.errors import UserError


def records(count: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).integers(0, 256, (count, RECORD_SIZE), dtype=np.uint8)
    made[:, 0] %= 10
    return made


def packed(members: dict[str, bytes], **kinds: bytes) -> bytes:
    """A gzipped tar with these members; ``kinds`` gives types other than a plain file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name, kind in kinds.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    return gzip.compress(buffer.getvalue(), mtime=0)


def placed(content: bytes) -> RemoteFile:
    """The archive of this content, in the data folder, with its true size and hash."""
    archive = RemoteFile(
        "CIFAR-10", "cifar-10.tar.gz", "http://127.0.0.1:9/none", len(content), hashlib.sha256(content).hexdigest()
    )
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
    assert cifar10.ARCHIVE.size == 170_052_171
    assert cifar10.ARCHIVE.sha256 == "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"


def cut(content: bytes) -> bytes:
    """A gzipped tar whose inside breaks off, though the gzip is whole."""
    return gzip.compress(gzip.decompress(content)[: -10 * 1024 - 3000], mtime=0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (packed(GOOD)[:-200], "cannot be unpacked"),
        (cut(packed(GOOD)), "is incomplete|cannot be unpacked"),
        (packed({f"{FOLDER}/data_batch_1.bin": records(2).tobytes()[:-1]}), "6,145 bytes, which is not a multiple"),
        (packed({f"{FOLDER}/data_batch_1.bin": bytes(RECORD_SIZE * 10_001)}), "up to 10,000 photographs"),
        (packed({"../../evil.bin": b"x"}), "'../../evil.bin', which is not a part"),
        (packed({f"{FOLDER}/../../evil": b"x"}), "is not a part of CIFAR-10"),
        (packed({"/tmp/evil": b"x"}), "'/tmp/evil', which is not a part"),
        (packed({f"{FOLDER}/data_batch_6.bin": b""}), "is not a part of CIFAR-10"),
        (packed({}, **{f"{FOLDER}/data_batch_1.bin": tarfile.SYMTYPE}), "is not a part of CIFAR-10"),
        (packed({}, **{f"{FOLDER}/data_batch_1.bin": tarfile.LNKTYPE}), "is not a part of CIFAR-10"),
        (packed({}), "contains no photographs"),
        (packed({f"{FOLDER}/data_batch_1.bin": bytes([200]) + bytes(RECORD_SIZE - 1)}), "a class that does not exist"),
        (b"this is no archive at all", "cannot be unpacked"),
    ],
)
def test_an_archive_that_is_not_right_is_refused_in_words(content: bytes, words: str) -> None:
    archive = placed(content)
    before = sorted(files.data_folder().rglob("*"))
    with pytest.raises(UserError, match=words):
        cifar10.read(archive)
    assert sorted(files.data_folder().rglob("*")) == before  # nothing was written anywhere


def test_an_archive_that_is_missing_or_altered_is_not_unpacked() -> None:
    archive = placed(packed(GOOD))
    with pytest.raises(UserError, match="but the published file has"):
        cifar10.read(replace(archive, size=archive.size + 1))
    with pytest.raises(UserError, match="its hash differs"):
        cifar10.read(replace(archive, sha256="0" * 64))
    archive.path.unlink()
    with pytest.raises(UserError, match="not on this computer yet"):
        cifar10.read(archive)


def test_an_archive_in_the_data_folder_is_not_listed_as_a_text() -> None:
    placed(packed(GOOD))
    assert not [source for source in sources.sources() if "cifar" in source.name]
