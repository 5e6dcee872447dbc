"""`amtsbote standards senders`: which clients to call before a version ends."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from gateway.store import SqlStore
from gateway.store.tables import messages
from tests.contract.store.make import CLIENT
from tests.integration.test_cli_operations import DONE, NOT_CONFIGURED, WRONG_USAGE, Town
from tests.unit.standards import served

ELSEWHERE, OTHER = "beispielhausen", "demo-portal-zwei"
ENDS = {
    ("xurkunde", "1.0"): (-1, 30),
    ("xparken", "1.0"): (90, None),
    ("xgewerbe", "1.0"): (91, None),
    ("xrueckkanal", "1.0"): (-2, None),
}


class Senders(Town):
    """An installation with versions that end, and submissions of some days ago."""

    def received(self, days_ago: int, kind: str = "xurkunde:1.0:urkunde.anforderung.0101", **who: str) -> str:
        accepted, at = self.submit(message_type=kind, **who), datetime.now(UTC) - timedelta(days=days_ago)

        async def move(store: SqlStore) -> None:
            async with store.write() as connection:
                own = messages.c.message_id == accepted.submission_id
                await connection.execute(update(messages).where(own).values(received_at=at))

        self.do(move)
        return at.isoformat(timespec="seconds")

    def senders(self, *arguments: str) -> dict[str, list[tuple[str, int, str]]]:
        code, said = self.run("standards", "senders", *arguments)
        assert code == DONE
        return {
            f"{each['standard']} {each['version']}": [tuple(who.values()) for who in each["senders"]]
            for each in said["standards"]
        }


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Senders]:
    town = Senders(tmp_path / "town")
    town.installation.variables["AMTSBOTE_STANDARDS"] = str(served.write(tmp_path / "schemas", ENDS))
    yield town
    asyncio.run(town.serving.close())


def test_senders_are_told_for_every_version_that_can_be_sent(town: Senders) -> None:
    town.received(20)
    latest = town.received(3)
    other = town.received(10, client=OTHER)
    town.received(31, "xparken:1.0:bewohnerparken.antrag.0101")
    assert town.senders() == {
        "xgewerbe 1.0": [],
        "xparken 1.0": [],
        "xrueckkanal 1.0": [],
        "xurkunde 1.0": [(CLIENT, 2, latest), (OTHER, 1, other)],
        "xurkunde 1.1": [],
    }


def test_only_versions_that_have_ended_or_end_within_three_months_are_told_when_outdated(
    town: Senders,
) -> None:
    assert set(town.senders("--outdated")) == {"xparken 1.0", "xrueckkanal 1.0", "xurkunde 1.0"}


def test_one_version_one_tenant_and_more_days_can_be_asked_for(town: Senders) -> None:
    long_ago = town.received(80)
    elsewhere = town.received(1, tenant=ELSEWHERE)
    assert town.senders("xurkunde", "1.0", "--days", "82") == {"xurkunde 1.0": [(CLIENT, 2, elsewhere)]}
    assert town.senders("xurkunde", "1.0", "--days", "82", "--tenant", "musterstadt") == {
        "xurkunde 1.0": [(CLIENT, 1, long_ago)]
    }
    assert town.senders("xurkunde", "1.1", "--days", "82") == {"xurkunde 1.1": []}


def test_senders_are_told_in_sentences(town: Senders) -> None:
    at = town.received(0)
    until, grace_until = served.in_days(-1), served.in_days(30)
    assert town.say("standards", "senders", "xurkunde", "1.0").splitlines() == [
        f"xurkunde 1.0  in grace  from 2020-01-01, until {until}, with a warning until {grace_until}",
        f"  {CLIENT}  1 in 30 days  last {at}",
    ]
    assert "  nobody in 7 days" in town.say("standards", "senders", "xparken", "1.0", "--days", "7")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("xurkunde",), WRONG_USAGE, "its version"),
        (("xurkunde", "1.0", "--outdated"), WRONG_USAGE, "--outdated"),
        (("--days", "0"), WRONG_USAGE, "--days"),
        (("xurkunde", "9"), NOT_CONFIGURED, "xurkunde 1.1"),
        (("--tenant", "musterdorf"), NOT_CONFIGURED, "musterstadt"),
    ],
)
def test_wrong_question_is_refused_with_what_is_right(
    town: Senders, arguments: tuple[str, ...], code: int, words: str
) -> None:
    done = town.invoke("standards", "senders", *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr


def test_show_needs_no_database(town: Senders) -> None:
    town.installation.variables["AMTSBOTE_DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    assert town.invoke("standards", "show", "xurkunde", "1.0").exit_code == DONE
    assert town.invoke("standards", "senders").exit_code not in (DONE, WRONG_USAGE)
