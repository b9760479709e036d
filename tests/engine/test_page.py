"""What `anymask web` serves, and what it does not: over a real socket."""

from __future__ import annotations

import http.client
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
import uvicorn
from PIL import Image

from anymask.core.image import read_image
from anymask.core.read_options import ReadOptions
from anymask.engine import conversion
from anymask.engine.page import built_page, page_app
from anymask.engine.sample import SamplePicture, drawing, sample_picture
from anymask.engine.server import listen
from anymask.errors import Error

SECRET = b"secret"
Answer = tuple[int, dict[str, str], bytes]
Ask = Callable[..., Answer]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A built page and a model, with things around them that are nobody's business."""
    for name, content in {
        "static/index.html": b"<title>the page</title>",
        "static/assets/a-1234.js": b"1",
        "static/assets/a-1234.mjs": b"1",
        "static/assets/a-1234.wasm": b"1",
        "model/export.json": b"{}",
        "model/encoder.onnx": bytes(1000),
        "model/decoder.onnx": SECRET,
        "model/notes.txt": SECRET,
        "secret.txt": SECRET,
        "static-too/secret.txt": SECRET,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(content)
    (tmp_path / "static" / "assets" / "link.js").symlink_to(tmp_path / "secret.txt")
    return tmp_path


@contextmanager
def serving(site: Path, host: str = "127.0.0.1") -> Iterator[int]:
    listening = listen("127.0.0.1", 0)
    app = page_app(site / "static", site / "model", SamplePicture("s.png", b"sample"), host)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


@pytest.fixture
def ask(site: Path) -> Iterator[Ask]:
    """Send a request, its path as it stands; status, headers in lower case and content."""
    with serving(site) as port:
        yield lambda *arguments, **options: request(port, *arguments, **options)


def request(port: int, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, {k.lower(): v for k, v in response.getheaders()}, content


@pytest.mark.parametrize(
    ("path", "media_type", "kept"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        ("/index.html", "text/html; charset=utf-8", "no-cache"),
        ("/assets/a-1234.js", "text/javascript; charset=utf-8", "immutable"),
        ("/assets/a-1234.mjs", "text/javascript; charset=utf-8", "immutable"),
        ("/assets/a-1234.wasm", "application/wasm", "immutable"),
        ("/model/export.json", "application/json", "no-cache"),
        ("/model/encoder.onnx?sha256=12", "application/octet-stream", "no-cache"),
        ("/sample", "image/png", "no-cache"),
    ],
)
def test_files_have_their_types_and_may_be_kept(
    ask: Ask, path: str, media_type: str, kept: str
) -> None:
    status, headers, content = ask(path)
    assert (status, headers["content-type"]) == (200, media_type)
    assert kept in headers["cache-control"]
    assert content


def test_the_sample_says_its_name(ask: Ask) -> None:
    assert ask("/sample")[1]["content-disposition"] == 'inline; filename="s.png"'


@pytest.mark.parametrize("path", ["/", "/assets/a-1234.wasm", "/model/encoder.onnx"])
def test_what_the_browser_has_is_not_sent_again(ask: Ask, path: str) -> None:
    etag = ask(path)[1]["etag"]
    status, headers, content = ask(path, If_None_Match=etag)
    assert (status, content) == (304, b"")
    assert headers["cross-origin-embedder-policy"] == "require-corp"


@pytest.mark.parametrize(
    ("path", "method"), [("/", "GET"), ("/none", "GET"), ("/", "POST"), ("/picture", "GET")]
)
def test_every_answer_is_isolated(ask: Ask, path: str, method: str) -> None:
    _, headers, _ = ask(path, method)
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/assets/../../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/..%5csecret.txt",
        "//secret.txt",
        "/%2fetc/passwd",
        "/../static-too/secret.txt",
        "/assets/link.js",
        "/assets/",
        "/model/",
        "/model/decoder.onnx",
        "/model/notes.txt",
        "/model/../secret.txt",
        "/model/..%2fsecret.txt",
        "/model/%2e%2e/secret.txt",
        "/model/encoder.onnx/../notes.txt",
        "/secret.txt",
        "/index.html%00.txt",
        "/docs",
        "/openapi.json",
    ],
)
def test_nothing_else_is_served(ask: Ask, path: str) -> None:
    status, _, content = ask(path)
    assert status == 404
    assert SECRET not in content


def test_other_names_for_this_machine_are_refused(site: Path, ask: Ask) -> None:
    assert ask("/", Host="evil.example")[0] == 400
    for host in ("localhost", "localhost:8420", "127.0.0.1", "[::1]:8420"):
        assert ask("/", Host=host)[0] == 200
    with serving(site, host="0.0.0.0") as port:
        assert request(port, "/", Host="lab-machine:8420")[0] == 200


# --- pictures


def encoded(pixels: npt.NDArray[Any], kind: str) -> bytes:
    content = BytesIO()
    if kind == "tiff":
        tifffile.imwrite(content, pixels)
    else:
        Image.fromarray(pixels).save(content, kind)
    return content.getvalue()


@pytest.mark.parametrize(
    ("pixels", "kind"),
    [
        (drawing(), "tiff"),
        (np.arange(60 * 90, dtype=np.uint16).reshape(60, 90) % 4096, "png"),
        (drawing()[..., 0] > 128, "tiff"),
        (drawing(), "bmp"),
    ],
)
def test_a_picture_comes_back_as_python_reads_it(
    ask: Ask, tmp_path: Path, pixels: npt.NDArray[Any], kind: str
) -> None:
    (tmp_path / "file").write_bytes(encoded(pixels, kind))
    status, headers, content = ask("/picture", "POST", encoded(pixels, kind))
    assert (status, headers["content-type"]) == (200, "image/png")
    png = Image.open(BytesIO(content))
    assert (png.format, png.mode) == ("PNG", "RGB")
    assert (np.asarray(png) == read_image(tmp_path / "file")).all()


def test_what_a_file_leaves_open_is_chosen_or_asked_for(ask: Ask, tmp_path: Path) -> None:
    bands = np.random.default_rng(0).integers(0, 3000, (2, 5, 20, 30), dtype=np.uint16)
    content = BytesIO()
    tifffile.imwrite(content, bands, photometric="minisblack", planarconfig="separate")
    path = tmp_path / "i.tif"
    path.write_bytes(content.getvalue())
    status, _, answer = ask("/picture?name=i.tif&page=", "POST", content.getvalue())
    assert status == 422
    assert "i.tif has 2 pages" in json.loads(answer)["error"]
    query = "/picture?name=i.tif&page=2&bands=%201,5,2%20&window=0,3000"
    status, _, png = ask(query, "POST", content.getvalue())
    assert status == 200
    expected = read_image(path, options=ReadOptions(2, (1, 5, 2), (0, 3000)))
    assert (np.asarray(Image.open(BytesIO(png))) == expected).all()


@pytest.mark.parametrize("query", ["page=one", "page=0", "bands=1,2", "bands=a", "window=5"])
def test_choices_that_choose_nothing_are_a_line(ask: Ask, query: str) -> None:
    status, _, answer = ask(f"/picture?{query}", "POST", encoded(drawing(), "tiff"))
    assert status == 422
    assert re.search("page|bands|window", json.loads(answer)["error"])


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"hello", "ß & co.txt is not an image of a known format"),
        (b"", "ß & co.txt is empty: it has no bytes"),
        (encoded(drawing(), "png")[:2000], "ß & co.txt can't be read"),
    ],
)
def test_a_bad_picture_is_a_line(ask: Ask, content: bytes, line: str) -> None:
    status, _, answer = ask("/picture?name=%C3%9F%20%26%20co.txt", "POST", content)
    assert status == 422
    assert json.loads(answer)["error"].startswith(line)


def test_a_picture_too_large_is_not_even_received(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion, "LARGEST_BYTES", 2 * 1024**2)
    line = "big.tif is larger than the 2 MB that the page reads"
    status, _, answer = ask("/picture?name=big.tif", "POST", bytes(2 * 1024**2 + 1))
    assert (status, json.loads(answer)["error"]) == (413, line)
    chunks = (bytes(1024**2) for _ in range(3))  # of unknown length
    status, _, answer = ask("/picture?name=big.tif", "POST", chunks)
    assert (status, json.loads(answer)["error"]) == (413, line)


def test_other_pages_can_have_nothing_read(ask: Ask) -> None:
    picture = encoded(drawing(), "png")
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 200)):
        assert ask("/picture", "POST", picture, Sec_Fetch_Site=site)[0] == status


# --- the sample, the page that was not built


def test_the_sample_is_a_photograph_or_a_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    photograph = sample_picture()
    assert photograph.name == "astronaut.png"
    assert Image.open(BytesIO(photograph.content)).size == (512, 512)
    monkeypatch.setattr("anymask.engine.sample.find_spec", lambda _: None)
    drawn = sample_picture()
    assert drawn.name == "drawing.png"
    assert (np.asarray(Image.open(BytesIO(drawn.content))) == drawing()).all()
    assert drawing().shape == (480, 640, 3)


def test_a_page_that_was_not_built_says_how(tmp_path: Path) -> None:
    with pytest.raises(Error, match="make web"):
        built_page(tmp_path)
