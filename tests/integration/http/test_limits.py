"""What is read is capped, and nothing of it is left behind."""

import tempfile
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from tests.integration.http.portal import Portal, message, running

BOUNDARY = "----amtsbote"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


def part(disposition: str, data: bytes, *headers: str) -> bytes:
    lines = [f"--{BOUNDARY}", f"Content-Disposition: form-data; {disposition}", *headers, "", ""]
    return "\r\n".join(lines).encode() + data + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def post_form(portal: Portal, *parts: bytes, end: bytes = END):
    return await portal.post("/v1/validate", content=b"".join(parts) + end, headers=FORM)


async def test_form_is_taken_when_it_has_all_kinds_of_parts(portal: Portal):
    answer = await post_form(
        portal, part('name="message"', message()), part('name="metadata"', b'{"account": "a-1"}')
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ([], 422),
        ([part('name="metadata"', b"{}")], 422),
        ([part('name="message"', b"<a/>"), part('name="message"', b"<a/>")], 422),
        (
            [part('name="message"', b"<a/>"), part('name="metadata"', b"{}"), part('name="metadata"', b"{}")],
            422,
        ),
        ([part('name="message"', b"<a/>"), part('name="geheim"', b"x")], 422),
        ([part('filename="message"', b"<a/>")], 422),
        ([part('name="message"', b"<a/>"), part('name="metadata"', b"[]")], 422),
        ([part('name="message"', b"<a/>"), part('name="metadata"', b"\xff")], 422),
        ([part('name="message"', b"<a/>"), part('name="metadata"', b" " * 65 * 1024)], 413),
        ([part('name="message"', b"<a/>", *(f"X-{n}: y" for n in range(20)))], 422),
        ([part('name="message"', b"<a/>", "X-Long: " + "y" * 20_000)], 422),
        ([part('name="message"', b"x" * 3000)], 413),
        ([part('name="message"', b"<a/>"), part('name="attachment"; filename="geheim"', b"x" * 5001)], 413),
        ([part('name="message"', b"<a/>"), *[part('name="attachment"', b"x" * 2000)] * 3], 413),
        ([part('name="message"', b"<a/>"), *[part('name="attachment"', b"x")] * 4], 413),
        ([b"x" * 200_000], 413),
    ],
)
async def test_form_is_refused_when_its_parts_are_not_as_described(tmp_path, parts: list[bytes], status: int):
    limits = {"max_message_bytes": 2048, "max_attachments_bytes": 5000, "max_attachments": 3}
    async with running(tmp_path, **limits) as portal:
        answer = await post_form(portal, *parts)
    assert answer.status_code == status, answer.text
    assert "geheim" not in answer.text


@pytest.mark.parametrize("end", [b"", b"--" + BOUNDARY.encode(), b"garbage"])
async def test_form_is_refused_when_its_end_is_missing(portal: Portal, end: bytes):
    answer = await post_form(portal, part('name="message"', message()), end=end)
    assert answer.status_code == 422


@pytest.mark.parametrize("media_type", ["multipart/form-data", f"multipart/form-data; boundary={'b' * 300}"])
async def test_form_is_refused_when_its_boundary_is_none(portal: Portal, media_type: str):
    headers = {"Content-Type": media_type}
    assert (await portal.post("/v1/validate", content=END, headers=headers)).status_code == 422


@pytest.mark.parametrize("media_type", ["application/json", "text/plain", "", "multipart/mixed; boundary=x"])
async def test_body_is_refused_when_its_type_is_another(portal: Portal, media_type: str):
    headers = {"Content-Type": media_type}
    assert (await portal.post("/v1/submissions", content=b"x", headers=headers)).status_code == 415


async def test_body_is_read_no_further_when_it_is_over_the_limit(tmp_path):
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1000
            yield b"x" * 1000

    async with running(tmp_path, max_message_bytes=10_000) as portal:
        answer = await portal.submit(endless())
    assert answer.status_code == 413
    assert read <= 12_000


async def test_nothing_is_written_to_temporary_files_when_attachments_are_large(
    portal: Portal, tmp_path, monkeypatch: pytest.MonkeyPatch
):
    # A standard's schema is compiled on first use, in a temporary folder.
    await post_form(portal, part('name="message"', message()))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "there is no such folder"))
    large = part('name="attachment"; filename="x.pdf"', b"%PDF" * 1_000_000)
    answer = await post_form(portal, part('name="message"', message()), large)
    assert answer.json()["type"] == "/problems/attachment-mismatch"


async def test_file_names_stay_out_of_logs_and_answers_when_a_form_is_refused(portal: Portal):
    named = part(
        'name="attachment"; filename="Müller geheim.pdf"', b"x", "Content-Type: geheim/geheim geheim"
    )
    with capture_logs() as logs:
        answer = await post_form(portal, part('name="message"', message()), named)
    assert answer.status_code == 422
    assert "geheim" not in answer.text + str(logs) + str(answer.headers)
