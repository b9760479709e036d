"""Web servers that break off, lie or are not there; and the Hugging Face hub."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

import huggingface_hub
import pytest

from anymask.errors import DownloadError, HashError, WeightsError
from anymask.weights import sources
from anymask.weights.fetch import cache_path, fetch
from anymask.weights.registry import WeightFile
from tests.weights.loopback import (
    CONTENT,
    SHA256,
    SIZE_BYTES,
    Behaviour,
    Server,
    leftovers,
    place,
    wanted,
)

# --- a download that breaks off


def test_takes_up_a_broken_line_in_the_same_call(server: Server) -> None:
    file = wanted(server.serve("/w", Behaviour(breaks_after=SIZE_BYTES // 2)))
    assert fetch(file).read_bytes() == CONTENT
    assert server.ranges() == ["", f"bytes={SIZE_BYTES // 2}-"]


def test_a_part_survives_and_the_next_call_resumes_it(server: Server) -> None:
    behaviour = Behaviour(breaks_after=1000)
    file = wanted(server.serve("/w", behaviour))
    with pytest.raises(DownloadError, match="broke off after 1000 of"):
        fetch(file)
    assert len(server.requests) == sources.WEB_TRIES
    part = cache_path(file).with_name("weights.bin.part")
    assert part.read_bytes() == CONTENT[: 1000 * sources.WEB_TRIES]
    behaviour.breaks_after = None
    calls: list[int] = []
    fetch(file, on_progress=lambda done, _total: calls.append(done))
    assert server.ranges()[-1] == f"bytes={1000 * sources.WEB_TRIES}-"
    assert calls[0] == 1000 * sources.WEB_TRIES
    assert not part.exists()


def test_another_source_resumes_what_the_first_began(server: Server) -> None:
    first = server.serve("/a", Behaviour(breaks_after=1000))
    file = wanted(first, server.serve("/b"))
    assert fetch(file).read_bytes() == CONTENT
    assert server.requests[-1] == ("/b", f"bytes={1000 * sources.WEB_TRIES}-")


def test_a_dead_line_is_not_tried_again(server: Server) -> None:
    file = wanted(server.serve("/w", Behaviour(breaks_after=0)))
    with pytest.raises(DownloadError, match="broke off after 0 of"):
        fetch(file)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(serves_ranges=False), Behaviour(range_start_shift=7)],
    ids=["ignores the range", "answers another range"],
)
def test_starts_anew_where_the_server_can_not_resume(server: Server, behaviour: Behaviour) -> None:
    file = wanted(server.serve("/w", behaviour))
    place(file, CONTENT[:5000], ".part")
    assert fetch(file).read_bytes() == CONTENT
    assert server.ranges()[0] == "bytes=5000-"


def test_starts_anew_after_a_range_that_can_not_be_satisfied(server: Server) -> None:
    short = b"short"
    file = WeightFile(
        "weights.bin", hashlib.sha256(short).hexdigest(), 9, (server.serve("/w", Behaviour(short)),)
    )
    place(file, b"longer", ".part")
    assert fetch(file).read_bytes() == short
    assert server.ranges() == ["bytes=6-", ""]


def test_starts_anew_after_resuming_wrong_bytes(server: Server) -> None:
    file = wanted(server.serve("/w"))
    place(file, b"x" * 5000, ".part")
    assert fetch(file).read_bytes() == CONTENT
    assert server.ranges() == ["bytes=5000-", ""]


def test_a_whole_part_is_renamed_without_the_network() -> None:
    file = wanted()
    place(file, CONTENT, ".part")
    assert fetch(file).read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_dropped(server: Server) -> None:
    file = wanted(server.serve("/w"))
    place(file, CONTENT + b"x", ".part")
    assert fetch(file).read_bytes() == CONTENT
    assert server.ranges() == [""]


# --- sources that fail


def test_falls_back_to_the_second_source(server: Server) -> None:
    file = wanted(server.url + "/missing", server.serve("/w"))
    assert fetch(file).read_bytes() == CONTENT
    assert [path for path, _ in server.requests] == ["/missing", "/w"]


def test_every_failure_is_listed_with_its_reason(server: Server) -> None:
    gone = server.url + "/gone"
    broken = server.serve("/broken", Behaviour(status=503))
    wrong = server.serve("/wrong", Behaviour(b"<html>sign in</html>"))
    file = wanted(gone, broken, wrong, "ftp://nowhere/w", "http://example.com/w")
    with pytest.raises(DownloadError) as caught:
        fetch(file)
    lines = str(caught.value).splitlines()
    assert "404" in lines[lines.index("  " + gone) + 1]
    assert "503" in lines[lines.index("  " + broken) + 1]
    assert SHA256 in lines[lines.index("  " + wrong) + 1]
    assert "begins with" in lines[lines.index("  ftp://nowhere/w") + 1]
    assert "not https" in lines[lines.index("  http://example.com/w") + 1]
    assert lines[-1].strip() == str(cache_path(file))


def test_a_server_that_is_not_there(server: Server) -> None:
    with pytest.raises(DownloadError, match="no connection"):
        fetch(wanted("http://127.0.0.1:9/w"))


def test_a_server_that_never_answers(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "READ_TIMEOUT_S", 0.1)
    file = wanted(server.serve("/w", Behaviour(delay_s=0.4)))
    with pytest.raises(DownloadError, match="timed out"):
        fetch(file)


def test_a_redirect_to_plain_http_elsewhere_is_refused(server: Server) -> None:
    file = wanted(server.serve("/moved", Behaviour(redirect_to="http://example.com/w")))
    with pytest.raises(DownloadError, match="not https"):
        fetch(file)


def test_no_sources_is_a_download_error() -> None:
    with pytest.raises(DownloadError, match="every source failed"):
        fetch(wanted())


@pytest.mark.parametrize("body", [b"wrong", b"x" * SIZE_BYTES, b""], ids=["short", "same", "empty"])
def test_wrong_bytes_everywhere_is_a_hash_error_and_nothing_stays(
    server: Server, body: bytes
) -> None:
    behaviour = Behaviour(body)
    file = wanted(server.serve("/a", behaviour), server.serve("/b", behaviour))
    with pytest.raises(HashError) as caught:
        fetch(file)
    assert SHA256 in str(caught.value)
    assert hashlib.sha256(body).hexdigest() in str(caught.value)
    assert leftovers(file) == ["weights.bin.lock"]
    assert len(server.requests) == 2


def test_a_source_without_end_is_cut(server: Server) -> None:
    file = wanted(server.serve("/w", Behaviour(CONTENT * 20)))
    most = 0

    def watch(done: int, _total: int) -> None:
        nonlocal most
        most = max(most, done)

    with pytest.raises(HashError):
        fetch(file, on_progress=watch)
    assert most <= SIZE_BYTES + sources.CHUNK_BYTES


# --- Hugging Face


def hub(monkeypatch: pytest.MonkeyPatch, content: bytes | Exception) -> list[tuple[str, str]]:
    asked: list[tuple[str, str]] = []

    def hf_hub_download(repo: str, path: str, *, local_dir: Path) -> str:
        asked.append((repo, path))
        if isinstance(content, Exception):
            raise content
        target = local_dir / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        return str(target)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", hf_hub_download)
    return asked


def test_hub_file_is_moved_into_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = hub(monkeypatch, CONTENT)
    file = wanted("hf://owner/name/checkpoints/weights.bin")
    calls: list[int] = []
    assert fetch(file, on_progress=lambda done, _: calls.append(done)).read_bytes() == CONTENT
    assert asked == [("owner/name", "checkpoints/weights.bin")]
    assert calls == [SIZE_BYTES]
    assert leftovers(file) == ["weights.bin", "weights.bin.lock"]


def test_hub_is_as_talkative_afterwards_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.utils.tqdm import are_progress_bars_disabled

    def talk() -> tuple[bool, int]:
        return are_progress_bars_disabled(), logging.getLogger("huggingface_hub").level

    before = talk()
    hub(monkeypatch, CONTENT)
    fetch(wanted("hf://owner/name/weights.bin"))
    assert talk() == before


def test_hub_errors_are_that_source_failing(
    monkeypatch: pytest.MonkeyPatch, server: Server
) -> None:
    hub(monkeypatch, ValueError("404 for this repository\nand a long story"))
    source = "hf://owner/name/weights.bin"
    with pytest.raises(DownloadError, match="404 for this repository") as caught:
        fetch(wanted(source))
    assert "long story" not in str(caught.value)
    assert fetch(wanted(source, server.serve("/w"))).read_bytes() == CONTENT


def test_hub_on_a_full_disk_is_the_disk_failing(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(WeightsError, match="ANYMASK_CACHE"):
        fetch(wanted("hf://owner/name/weights.bin"))


def test_hub_with_wrong_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    hub(monkeypatch, b"wrong")
    with pytest.raises(HashError, match=SHA256):
        fetch(wanted("hf://owner/name/weights.bin"))


@pytest.mark.parametrize("source", ["hf://owner/name", "hf://owner//w", "hf://"])
def test_hub_sources_name_owner_name_and_path(source: str) -> None:
    with pytest.raises(DownloadError, match="is not of the form hf:"):
        fetch(wanted(source))
