"""Kill -9 between accept and decision: every accepted submission takes effect once, and is decided once.

The processes are killed when the outside shows that work is under way; at which step is random, with a
fixed seed.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import cycle, islice
from typing import Any

import pytest

from gateway.portal import Portal
from tests.acceptance.installation import Installation, eventually
from tests.acceptance.town import (
    DMS,
    FINAL,
    REGISTER,
    Application,
    Mail,
    applications,
    filed,
    fresh,
    register,
    submit,
    whole_mailbox,
)

SUBMISSIONS = 12
AT_ONCE = 3
MOMENT_S, DECIDED_S = 40.0, 90.0

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20260601)  # noqa: S311 a test that can be repeated, not a secret


class Crowd:
    """A dozen applications on their way."""

    def __init__(self, town: Installation, portal: Portal, mail: Mail) -> None:
        self.town, self.portal, self.mail = town, portal, mail
        self.sent = [fresh(each) for each in islice(cycle(applications()), SUBMISSIONS)]
        self.posted: list[dict[str, Any]] = []
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def post(self) -> None:
        """Post all of them, a few at a time; what has no receipt is posted again."""
        await asyncio.gather(*map(self._post, self.sent))

    async def _post(self, application: Application) -> None:
        async with self._gate:
            self.posted.append(await submit(self.portal, application))

    async def until(self, count: Callable[[], int], at_least: int, what: str) -> None:
        """Wait until the outside shows so much, and see that there is still something to do."""

        async def reached() -> bool:
            return count() >= at_least

        await eventually(reached, MOMENT_S, f"{at_least} {what}")
        assert len(self.posted) < SUBMISSIONS or not self.is_decided(), "all was over before the kill"

    def is_decided(self) -> bool:
        return all(self.mail.decisions(each["case_id"]) for each in self.posted)

    def entered(self) -> int:
        return sum(map(len, register(self.town).values()))

    def filed(self) -> int:
        return len(filed(self.town))

    async def arrives(self) -> None:
        """Wait until all is done, then see that everything was done once."""
        await self.mail.decided([each["case_id"] for each in self.posted], DECIDED_S)
        await eventually(self._is_delivered, DECIDED_S, "every submission is delivered everywhere")
        letters = await whole_mailbox(self.portal)
        await eventually(lambda: self._has_letters(letters), DECIDED_S, "every letter is filed")
        expected = {
            each["case_id"]: [each["submission_id"], *self.mail.answers[each["case_id"]]]
            for each in self.posted
        }
        assert len(expected) == SUBMISSIONS
        assert register(self.town) == expected
        decisions = Counter(each["case_id"] for each in letters if each["type"].endswith(FINAL))
        assert decisions == dict.fromkeys(expected, 1)
        submissions = [submission for case in expected.values() for submission in case]
        documents = Counter(each.submission_id for each in filed(self.town))
        assert documents == Counter(submissions + [each["message_id"] for each in letters])
        assert len({each["sha256"] for each in letters}) == len(letters)

    async def _is_delivered(self) -> bool:
        views = [(await self.portal.submission(each["submission_id"]))[0] or {} for each in self.posted]
        return all(view["status"] == "delivered" for view in views)

    async def _has_letters(self, letters: list[dict[str, Any]]) -> bool:
        return {each["message_id"] for each in letters} <= {each.submission_id for each in filed(self.town)}


async def kill_and_restart_gateway(town: Installation) -> None:
    assert town.gateway
    assert town.gateway.runs
    town.gateway.kill()
    town.serve()
    await town.ready()


def kill_and_restart_worker(town: Installation, destination: str) -> None:
    assert town.workers[destination].runs
    town.workers[destination].kill()
    town.work(destination)


async def through_kills(crowd: Crowd, rng: random.Random, kill: Callable[[], Awaitable[None]]) -> None:
    """Kill while applications are posted, when they all have their receipts, and as they are worked on."""
    posting = asyncio.create_task(crowd.post())
    await crowd.until(lambda: len(crowd.posted), rng.randint(2, 6), "receipts")
    await kill()
    await posting
    await kill()
    await crowd.until(crowd.entered, rng.randint(3, 8), "entries in the register")
    await kill()
    await crowd.until(crowd.filed, rng.randint(12, 18), "documents in the DMS")
    await kill()
    await crowd.until(crowd.mail.count, rng.randint(14, 20), "letters in the mailbox")
    await kill()
    await crowd.arrives()


async def test_everything_happens_once_when_embedded_gateway_is_killed(
    embedded: Installation, rng: random.Random
) -> None:
    embedded.serve()
    await embedded.ready()
    async with embedded.portal() as portal, Mail(portal) as mail:
        crowd = Crowd(embedded, portal, mail)
        await through_kills(crowd, rng, lambda: kill_and_restart_gateway(embedded))


async def test_everything_happens_once_when_gateway_on_servers_is_killed(
    servers: Installation, rng: random.Random
) -> None:
    servers.serve()
    servers.work(REGISTER)
    servers.work(DMS)
    await servers.ready()
    async with servers.portal() as portal, Mail(portal) as mail:
        crowd = Crowd(servers, portal, mail)
        await through_kills(crowd, rng, lambda: kill_and_restart_gateway(servers))


async def test_everything_happens_once_when_workers_are_killed(
    servers: Installation, rng: random.Random
) -> None:
    servers.serve()
    servers.work(REGISTER)
    servers.work(DMS)
    await servers.ready()
    async with servers.portal() as portal, Mail(portal) as mail:
        crowd = Crowd(servers, portal, mail)
        await crowd.post()
        for entries in (1, rng.randint(3, 6), rng.randint(8, 12)):
            await crowd.until(crowd.entered, entries, "entries in the register")
            kill_and_restart_worker(servers, REGISTER)
        for documents in (rng.randint(8, 12), rng.randint(16, 22)):
            await crowd.until(crowd.filed, documents, "documents in the DMS")
            kill_and_restart_worker(servers, DMS)
        await crowd.arrives()
