"""A running gateway whose standards cannot be used as they lie there now: it serves on, and says so."""

import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gateway.settings import data_folder
from gateway.standards import Catalogue, watching
from tests.acceptance.installation import eventually
from tests.integration.http.portal import Portal, message, running
from tests.integration.http.test_metrics import TOKEN, figures, value

SOON_S = 20.0


@pytest.fixture
async def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Portal]:
    """A gateway that watches a folder of its own."""
    monkeypatch.setattr(watching, "WATCH_S", 0.01)
    folder = shutil.copytree(data_folder("schemas"), tmp_path / "standards")
    catalogue = Catalogue.load([folder])
    async with (
        running(tmp_path / "town", catalogue=catalogue, standards=[folder]) as portal,
        watching.watched(catalogue, portal.service.settings),
    ):
        (portal.service.settings.secrets / "metrics.token").write_text(TOKEN)
        yield portal


def manifest(portal: Portal) -> Path:
    return portal.service.settings.standards[0] / "xgewerbe" / "1.0" / "standard.yaml"


def write(file: Path, text: str) -> None:
    """Write at once: the watcher would also complain of a file that is still empty."""
    new = file.with_name("new")
    new.write_text(text, "utf-8")
    new.replace(file)


async def readiness(portal: Portal) -> tuple[int, bool, dict[str, Any]]:
    answer = await portal.http.get("/readyz")
    return answer.status_code, answer.json()["ready"], answer.json()["parts"]["standards"]


def usable(portal: Portal, expected: int) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return value(await figures(portal), "standards_usable") == expected

    return look


async def test_gateway_serves_on_and_says_so_until_the_standard_is_right_again(served: Portal) -> None:
    file, (_, _, part) = manifest(served), await readiness(served)
    assert part["ok"]
    text = file.read_text("utf-8")
    with capture_logs() as logs:
        await eventually(usable(served, 1), SOON_S, "it says that standards can be used")
        write(file, text.replace("schemas:", "schema:"))
        await eventually(usable(served, 0), SOON_S, "it says that one cannot")
        status, ready, part = await readiness(served)
        assert (status, ready, part["ok"]) == (200, True, False)
        assert "standards_not_usable" in part["reason"]
        assert str(file.parent) not in part["reason"]  # anybody may read it
        assert (await served.submit(message())).status_code == 202
        write(file, text)
        await eventually(usable(served, 1), SOON_S, "it says that they can be used again")
    assert (await readiness(served))[2]["ok"]
    said = [each for each in logs if each["event"].startswith("standards_") and "usable" in each["event"]]
    assert [(each["event"], each["log_level"]) for each in said] == [
        ("standards_not_usable", "error"),
        ("standards_usable_again", "info"),
    ]
    assert said[0]["reason"].startswith(f"{file}:\n  schemas: is missing")


async def test_fault_is_logged_once_until_it_is_another(served: Portal) -> None:
    file, looks = manifest(served), 0
    refresh = served.service.catalogue.refresh

    def counted(folders: list[Path]) -> list[str]:
        nonlocal looks
        looks += 1
        return refresh(folders)

    served.service.catalogue.refresh = counted  # type: ignore[method-assign]

    async def looked(since: int) -> None:
        async def more() -> bool:
            return looks > since + 3

        await eventually(more, SOON_S, "it looks again")

    with capture_logs() as logs:
        for text in ("standard: [", "standart: x"):
            write(file, text)
            await looked(looks)
    assert [each["event"] for each in logs] == ["standards_not_usable"] * 2


async def test_message_of_a_standard_that_does_not_compile_is_put_off_until_it_does(served: Portal) -> None:
    folder = served.service.settings.standards[0]
    schema = folder / "xurkunde" / "1.1" / "xurkunde.xsd"
    text = schema.read_text("utf-8")
    write(schema, text.replace('complexType name="UrkundeAnforderung"', 'complexType name="Andere"'))
    answer = await served.submit(message())  # the first: nothing of this standard is compiled yet
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "60")
    assert str(folder) not in answer.text
    await eventually(usable(served, 0), SOON_S, "it says that one cannot be used")
    assert "UrkundeAnforderung" in served.service.catalogue.fault
    write(schema, text)
    file = schema.with_name("standard.yaml")
    write(file, file.read_text("utf-8"))
    await eventually(usable(served, 1), SOON_S, "it says that all can be used again")
    assert (await served.submit(message())).status_code == 202


@pytest.mark.parametrize("wrong", ["", "<xs:schema", "<x/>"])
async def test_message_is_put_off_while_its_code_list_cannot_be_read(served: Portal, wrong: str) -> None:
    (file,) = manifest(served).parent.parent.parent.glob("xurkunde/1.1/**/urkundenart*.xml")
    text = file.read_text("utf-8")
    write(file, wrong)
    assert (await served.submit(message())).status_code == 503
    await eventually(usable(served, 0), SOON_S, "it says that one cannot be used")
    write(file, text)
    assert (await served.submit(message())).status_code == 202
    await eventually(usable(served, 1), SOON_S, "it says that all can be used again")


async def test_message_is_put_off_while_its_schema_is_gone(served: Portal) -> None:
    schema = manifest(served).parents[2] / "xurkunde" / "1.1" / "xurkunde.xsd"
    kept = schema.rename(schema.with_suffix(".kept"))
    assert (await served.submit(message())).status_code == 503
    example = "/v1/standards/xurkunde/1.1/messages/urkunde.anforderung.0101/example"
    assert (await served.call("GET", example)).status_code == 503
    await eventually(usable(served, 0), SOON_S, "it says that one cannot be used")
    kept.rename(schema)
    wrong = message().replace(b"<u:anzahl>", b"<u:anzahl>x")
    assert (await served.submit(wrong)).status_code == 422  # which shows that it can be used
    await eventually(usable(served, 1), SOON_S, "it says that all can be used again")
    assert (await served.submit(message())).status_code == 202
