import gc
import hashlib
import http.server
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from lmcore.data import sources
from lmcore.data.sources import Source, decode
from lmcore.errors import UserError

CONTENT = b"emma\nolivia\nava\n" * 5000


class Faulty(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT at /good, and what can go wrong elsewhere."""

    silence = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.path == "/truncated":
            self.wfile.write(CONTENT[:1000])
        elif self.path == "/stalled":
            self.wfile.write(CONTENT[:1000])
            self.wfile.flush()
            self.silence.wait(20)
        elif self.path == "/wrong":
            self.wfile.write(CONTENT.replace(b"emma", b"evil"))
        else:
            self.wfile.write(CONTENT)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Faulty.silence.clear()
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Faulty)
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    Faulty.silence.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def source(url: str) -> Source:
    return Source("names", "Names", "", "documents", False, url, hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def test_a_download_is_verified_and_reports_its_progress(server: str) -> None:
    seen: list[tuple[int, int]] = []
    path = sources.download(source(f"{server}/good"), lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))


@pytest.mark.parametrize(
    ("path", "words"),
    [("missing", "answered 404"), ("truncated", "broke off"), ("stalled", "fell silent"), ("wrong", "hash differs")],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_failed_download_leaves_nothing_and_says_what_to_do(server: str, path: str, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        sources.download(source(f"{server}/{path}"), timeout=0.5)
    assert "names.txt" in str(refused.value)
    assert list(sources.data_folder().iterdir()) == []
    del refused
    gc.collect()  # requests leaves a broken connection to the garbage collector: here, where that is expected


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_without_a_network_the_message_says_so() -> None:
    with pytest.raises(UserError, match="no connection"):
        sources.download(source("http://127.0.0.1:1/x"), timeout=0.5)
    gc.collect()


def test_the_catalog_is_pinned_and_licensed() -> None:
    listed = sources.catalog()
    assert [entry.name for entry in listed] == ["names", "tiny-shakespeare", "war-and-peace"]
    for entry in listed:
        assert entry.url.startswith("https://")
        assert len(entry.sha256) == 64
        assert entry.license
        assert not entry.available
    assert replace(listed[0], name="x").size == 228145


SENTENCES = {
    "utf-8": "Zoë, naïve café — 東京 😀 שלום",
    "utf-8-sig": "Zoë, naïve café — 東京 😀 שלום",
    "utf-16": "Zoë, naïve café — 東京 😀 שלום",
    "utf-16-le": "A longer piece of Western text, with an é in it.",
    "utf-16-be": "A longer piece of Western text, with an é in it.",
    "utf-32": "Zoë, naïve café",
    "latin-1": "Señor Müller aß ein Café crème à la carte; façade naïve élève, and more.",
}


@pytest.mark.parametrize("encoding", SENTENCES)
def test_encodings_are_told_apart(encoding: str) -> None:
    assert decode(SENTENCES[encoding].encode(encoding)).text == SENTENCES[encoding]


def test_line_ends_and_accents_become_one_form() -> None:
    assert decode("a\r\nb\rc\te\u0301".encode()).text == "a\nb\nc\té"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b" \n\t ", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (bytes(range(256)) * 20, "binary|encoding"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(200), "binary|encoding"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00" * 30, "binary|encoding"),
        (b"a" * (sources.MAX_BYTES + 1), "at most"),
    ],
)
def test_what_is_no_text_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        decode(data)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("big") / "big.txt"
    with path.open("wb") as file:
        file.truncate(200_000_000)
    with pytest.raises(UserError, match="200,000,000 bytes"):
        sources.resolve(str(path))
