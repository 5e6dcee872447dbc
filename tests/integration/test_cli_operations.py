"""What operators do on the command line, on a store that a gateway has open."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from unittest.mock import patch

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.contract.ids import new_id
from gateway.contract.states import FindingKind
from gateway.store import SqlStore
from gateway.store.accept import accept
from gateway.store.deliveries import claim
from gateway.store.findings import finding_row
from gateway.store.migrate import migrate
from gateway.store.rows import Accepted
from gateway.store.tables import attempts, deliveries, findings, reports
from tests.acceptance.installation import Installation
from tests.contract.store.make import COPY, LEAD, MASTER_KEY, TENANT, submission

DONE, REFUSED, WRONG_USAGE, NOT_CONFIGURED = 0, 1, 2, 4
BY = ("--operator", "a-kaya")
WHY = ("--reason", "posted twice", *BY)

T = TypeVar("T")


class Town:
    """An installation whose store another process serves."""

    def __init__(self, folder: Path) -> None:
        self.installation = Installation(folder)
        self.address = f"sqlite:///{self.installation.var / 'amtsbote.db'}"
        migrate(self.address)
        self.serving = SqlStore(self.address, master_key=MASTER_KEY)
        self.serving.claim_file()

    def invoke(self, *arguments: str) -> Result:
        """Run a command in this process: starting one for each would take most of the time."""
        # Logs are set up once a process, and other tests of this one want to read them.
        with (
            patch("gateway.cli.run.configure_logs"),
            patch("gateway.cli.reconciling.configure_logs"),
            capture_logs(),
        ):
            return CliRunner().invoke(app, arguments, env=self.installation.variables)

    def run(self, *arguments: str) -> tuple[int, Any]:
        done = self.invoke(*arguments, "--json")
        assert done.stderr == ""
        return done.exit_code, json.loads(done.stdout)

    def say(self, *arguments: str) -> str:
        return self.invoke(*arguments).stdout

    def act(self, operation: str, *arguments: str) -> tuple[int, list[tuple[str, str]]]:
        code, said = self.run("deliveries", operation, *arguments)
        return code, [(each["outcome"], each["detail"]) for each in said["deliveries"]]

    def list(self, *arguments: str) -> list[dict[str, Any]]:
        code, said = self.run("deliveries", "list", *arguments)
        assert code == DONE
        return said["deliveries"]

    def do(self, work: Callable[[SqlStore], Awaitable[T]]) -> T:
        async def run() -> T:
            store = SqlStore(self.address, master_key=MASTER_KEY)
            try:
                return await work(store)
            finally:
                await store.close()

        return asyncio.run(run())

    def submit(self, **changes: object) -> Accepted:
        return self.do(lambda store: accept(store, [submission(**changes)]))[0]

    def fail(self) -> None:
        """Let everything that is open fail."""

        async def fail(store: SqlStore) -> None:
            async with store.write() as connection:
                await connection.execute(update(deliveries).values(state="failed"))

        self.do(fail)

    def find(self, kind: str, **fields: Any) -> str:
        """Have an operator asked to look at something; return the finding's id."""
        row = finding_row(FindingKind(kind), tenant=TENANT, now=datetime.now(UTC), **fields)

        async def write(store: SqlStore) -> None:
            async with store.write() as connection:
                await connection.execute(findings.insert().values(row))

        self.do(write)
        return str(row["finding_id"])

    def claim(self) -> None:
        limits = {"max_sent": 10, "publish_lease_s": 30, "copy_lifetime_s": 600}
        self.do(lambda store: claim(store, LEAD, tenant=TENANT, limit=10, **limits))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    asyncio.run(town.serving.close())


def test_deliveries_are_listed_and_filtered(town: Town) -> None:
    assert town.list() == []
    submitted = town.submit()
    assert {(each["destination"], each["role"], each["state"]) for each in town.list()} == {
        (LEAD, "lead", "waiting"),
        (COPY, "copy", "waiting"),
    }
    (only,) = town.list("--destination", COPY, "--state", "waiting", "--tenant", TENANT)
    assert only["message_id"] == submitted.submission_id
    assert town.list("--state", "accepted") == []
    assert town.list("--tenant", "beispielhausen") == []
    assert len(town.list("--limit", "1")) == 1
    said = town.say("deliveries", "list", "--limit", "1")
    assert "waiting" in said
    assert "--limit" in said


def test_list_says_what_goes_first_and_how_the_last_attempt_ended(town: Town) -> None:
    first = town.submit(copies=())
    town.submit(copies=(), case_id=first.case_id)
    town.claim()

    async def end(store: SqlStore) -> None:
        async with store.write() as connection:
            await connection.execute(update(attempts).values(outcome="transient"))
            sent = update(deliveries).where(deliveries.c.state == "sent")
            await connection.execute(sent.values(state="waiting"))

    town.do(end)
    assert [(each["waits_for"], each["last_outcome"]) for each in town.list()] == [
        (None, "transient"),
        (1, None),
    ]
    earlier, later = town.say("deliveries", "list").splitlines()
    assert "  due " in earlier
    assert earlier.endswith(" no. 1  transient")
    assert later.endswith(f"  attempt 0  after no. 1  case {first.case_id} no. 2")


def test_what_operators_did_is_listed_with_who_and_why(town: Town) -> None:
    assert town.say("deliveries", "actions") == "There are none.\n"
    first, second = town.submit(copies=()), town.submit(copies=())
    for each in town.list():
        town.act("cancel", each["delivery_id"], *WHY)
    code, said = town.run("deliveries", "actions")
    assert code == DONE
    assert [each["case_id"] for each in said["actions"]] == [second.case_id, first.case_id]
    assert {
        (each["operator"], each["kind"], each["reason"], each["outcome"]) for each in said["actions"]
    } == {("a-kaya", "cancel", "posted twice", "done")}
    (only,) = town.run("deliveries", "actions", "--case", first.case_id)[1]["actions"]
    assert only["case_id"] == first.case_id
    line = town.say("deliveries", "actions", "--limit", "1")
    assert "a-kaya  cancel" in line
    assert "posted twice" in line
    assert "--limit" in line
    assert town.run("deliveries", "actions", "--tenant", "beispielhausen")[1]["actions"] == []
    assert town.invoke("deliveries", "actions", "--case", "one", "--json").exit_code == WRONG_USAGE


def test_cancel_is_done_at_once_or_once_the_copy_is_settled(town: Town) -> None:
    town.submit(copies=())
    (delivery,) = town.list()
    assert town.act("cancel", delivery["delivery_id"], *WHY) == (DONE, [("done", "done")])
    (cancelled,) = town.list("--state", "cancelled")
    assert (cancelled["delivery_id"], cancelled["code"]) == (delivery["delivery_id"], "operator")
    town.submit(copies=())
    (delivery,) = town.list()
    town.claim()
    code, ((outcome, sentence),) = town.act("cancel", delivery["delivery_id"], *WHY)
    assert (code, outcome) == (DONE, "wished")
    assert "in flight" in sentence
    (sent,) = town.list()
    assert (sent["state"], sent["wished"]) == ("sent", "cancel")
    assert "to cancel" in town.say("deliveries", "list")


def test_redirect_moves_the_delivery(town: Town) -> None:
    town.submit(copies=())
    (delivery,) = town.list()
    code, ((outcome, sentence),) = town.act("redirect", delivery["delivery_id"], "--to", "nowhere", *WHY)
    assert (code, outcome) == (REFUSED, "refused")
    assert COPY in sentence
    assert town.act("redirect", delivery["delivery_id"], "--to", COPY, *WHY)[0] == DONE
    (moved,) = town.list()
    assert (moved["destination"], moved["role"]) == (COPY, "lead")


def test_what_is_not_possible_for_one_does_not_stop_the_others(town: Town) -> None:
    town.submit()
    first, second = (each["delivery_id"] for each in town.list())
    town.act("cancel", first, *WHY)
    code, said = town.act("retry", first, second, *BY)
    assert (code, [outcome for outcome, _ in said]) == (REFUSED, ["refused", "done"])


def test_everything_that_failed_is_tried_again(town: Town) -> None:
    retry_all = ("--destination", LEAD, "--all-failed", *BY)
    assert town.say("deliveries", "retry", *retry_all) == "There are none.\n"
    for _ in range(2):
        town.submit()
    town.fail()
    assert town.act("retry", *retry_all) == (DONE, [("done", "done")] * 2)
    assert {(each["destination"], each["state"]) for each in town.list()} == {
        (LEAD, "waiting"),
        (COPY, "failed"),
    }


def test_reconcile_prints_a_balance_that_closes(town: Town) -> None:
    town.submit()
    code, balance = town.run("reconcile")
    assert (code, balance["closes"], balance["faults"]) == (DONE, True, [])
    assert {(line["tenant"], line["destination"]) for line in balance["destinations"]} == {
        (TENANT, LEAD),
        (TENANT, COPY),
    }
    said = town.say("reconcile").splitlines()
    assert said[-1] == "The balance closes."
    assert (
        f"{TENANT}  {LEAD}: 1 created = "
        "1 waiting + 0 sent + 0 accepted + 0 refused + 0 failed + 0 cancelled" in said
    )


def test_reconcile_names_what_is_wrong_and_repairs_what_it_can(town: Town) -> None:
    submitted = town.submit()

    async def lose(store: SqlStore) -> None:
        async with store.write() as connection:
            await connection.execute(deliveries.delete())

    town.do(lose)
    code, balance = town.run("reconcile")
    assert (code, balance["closes"]) == (REFUSED, False)
    assert [(fault["kind"], fault["ids"]) for fault in balance["faults"]] == [
        ("without_delivery", [submitted.submission_id])
    ]
    assert "1 submissions go nowhere" in town.say("reconcile")
    code, balance = town.run("reconcile", "--repair")
    assert (code, balance["repaired"]) == (DONE, [submitted.submission_id])
    assert "nothing that `--repair` mends" in town.say("reconcile", "--repair")


@pytest.mark.parametrize(
    "arguments",
    [
        ("retry", *BY),
        ("retry", "--all-failed", *BY),
        ("retry", "x", "--all-failed", "--destination", LEAD, *BY),
        ("cancel", "x", *BY),
        ("redirect", "x", "--reason", "why", *BY),
        ("list", "--state", "lost"),
        ("cancel", "x", "--reason", "why", "--operator", "a" * 101),
        ("cancel", "x", "--reason", "why", "--operator", " "),
        ("cancel", "x", "--reason", "", *BY),
        ("retry", "x", "--reason", "a" * 501, *BY),
    ],
)
def test_wrong_usage_is_told_apart(town: Town, arguments: tuple[str, ...]) -> None:
    assert town.invoke("deliveries", *arguments).exit_code == WRONG_USAGE


def test_kind_of_finding_that_there_is_not_is_wrong_usage(town: Town) -> None:
    assert town.invoke("findings", "list", "--kind", "wish_viod").exit_code == WRONG_USAGE


@pytest.mark.parametrize(
    "arguments",
    [
        ("deliveries", "list", "--tenant", "nix"),
        ("deliveries", "list", "--destination", "nix"),
        ("deliveries", "retry", "--all-failed", "--destination", "nix", *BY),
        ("deliveries", "actions", "--tenant", "nix"),
        ("findings", "list", "--tenant", "nix"),
        ("reports", "list", "--destination", "nix"),
    ],
)
def test_misspelt_name_does_not_look_like_all_is_well(town: Town, arguments: tuple[str, ...]) -> None:
    code, said = town.run(*arguments)
    what = "tenant" if "--tenant" in arguments else "destination"
    assert (code, said["detail"].partition(";")[0]) == (NOT_CONFIGURED, f"there is no {what} nix")


def test_destination_that_is_gone_can_still_be_named(town: Town) -> None:
    town.submit(lead="gone", copies=())
    assert len(town.list("--destination", "gone")) == 1


def test_command_reaches_a_store_that_is_being_served_from_another_process(town: Town) -> None:
    town.submit(copies=())
    done = town.installation.run("deliveries", "list", "--json")
    assert (done.returncode, done.stderr) == (DONE, "")
    assert len(json.loads(done.stdout)["deliveries"]) == 1


def test_finding_that_nothing_ends_is_closed_by_whoever_has_seen_to_it(town: Town) -> None:
    case_id = town.submit().case_id
    late = town.find("wish_void", case_id=case_id, destination=LEAD, code="cancel")
    twice = town.find("accepted_twice", case_id=case_id)
    _, said = town.run("findings", "list", "--kind", "wish_void", "--tenant", TENANT)
    (only,) = said["findings"]
    assert (only["finding_id"], only["code"], only["destination"]) == (late, "cancel", LEAD)
    assert f"wish_void  cancel  {LEAD}  case {case_id}" in town.say("findings", "list")
    assert town.run("findings", "close", late, *BY) == (
        DONE,
        {"findings": [{"finding_id": late, "outcome": "done", "detail": "closed"}]},
    )
    _, said = town.run("findings", "list")
    assert [each["finding_id"] for each in said["findings"]] == [twice]

    _, said = town.run("findings", "list", "--closed")
    (only,) = said["findings"]
    assert (only["finding_id"], only["resolved_by"]) == (late, "a-kaya")
    assert only["resolved_at"] is not None
    assert town.say("findings", "list", "--closed").endswith(f" closed {only['resolved_at']} by a-kaya\n")


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("delivery_failed", "deliveries retry"),
        ("legal_hold", "--release"),
        ("report_parked", "the report comes that is missing"),
        ("destination_gone", "nothing waits"),
    ],
)
def test_finding_that_something_ends_is_not_closed_by_hand(town: Town, kind: str, why: str) -> None:
    town.submit(copies=())
    (delivery,) = town.list()
    finding_id = town.find(kind, delivery_id=delivery["delivery_id"])
    code, said = town.run("findings", "close", finding_id, *BY)
    assert (code, said["findings"][0]["outcome"]) == (REFUSED, "refused")
    assert why in said["findings"][0]["detail"]
    assert [each["kind"] for each in town.run("findings", "list")[1]["findings"]] == [kind]


def test_finding_that_outlives_its_delivery_is_closed_by_hand(town: Town) -> None:
    town.submit(copies=())
    (delivery,) = town.list()
    finding_id = town.find("delivery_failing", delivery_id=delivery["delivery_id"])

    async def refuse(store: SqlStore) -> None:
        async with store.write() as connection:
            await connection.execute(update(deliveries).values(state="refused"))

    town.do(refuse)
    assert town.run("findings", "close", finding_id, *BY)[0] == DONE


def test_finding_that_is_none_or_closed_is_refused_and_stops_no_other(town: Town) -> None:
    finding_id = town.find("report_stale")
    code, said = town.run("findings", "close", new_id(), "x", finding_id, finding_id, *BY)
    assert code == REFUSED
    assert [each["detail"] for each in said["findings"]] == [
        "there is no such finding",
        "there is no such finding",
        "closed",
        "it is closed already",
    ]
    assert town.say("findings", "list") == "There are none.\n"


def test_files_without_any_receipt_are_no_good_news(town: Town, tmp_path: Path) -> None:
    receipt = {"submission_id": town.submit().submission_id, "receipt": {}}
    good, held = tmp_path / "receipts.jsonl", tmp_path / "nothing.log"
    good.write_text(json.dumps(receipt) + "\n")
    held.write_text("hello\n")
    code, said = town.run("receipts", "compare", str(good), str(held))
    assert (code, said["receipts"], said["missing"]) == (REFUSED, 1, [])
    (fault,) = said["faults"]
    assert fault.startswith(f"{held}: there is no receipt in it")
    assert fault in town.say("receipts", "compare", str(held))


def test_lines_that_are_no_receipt_are_no_good_news(town: Town, tmp_path: Path) -> None:
    held = tmp_path / "receipts.jsonl"
    held.write_text(json.dumps({"submission_id": town.submit().submission_id, "receipt": {}}) + '\n{"sub')
    code, said = town.run("receipts", "compare", str(held))
    assert (code, said["faults"]) == (REFUSED, [f"{held}: 1 lines are no receipt, though this is no log"])


def test_receipts_that_the_store_does_not_know_are_listed(town: Town, tmp_path: Path) -> None:
    kept = town.submit()
    held = tmp_path / "receipts.jsonl"
    receipt = {"case_id": new_id(), "received_at": "2026-11-23T08:00:00Z", "receipt": {"sha256": kept.digest}}
    held.write_text(json.dumps(receipt | {"submission_id": kept.submission_id}) + "\n", "utf-8")
    assert town.run("receipts", "compare", str(held)) == (
        DONE,
        {"receipts": 1, "missing": [], "faults": []},
    )
    lost = new_id()
    held.write_text(json.dumps(receipt | {"submission_id": lost}) + "\n", "utf-8")
    code, said = town.run("receipts", "compare", str(held))
    assert (code, [each["submission_id"] for each in said["missing"]]) == (REFUSED, [lost])
    assert "send these again" in said["missing"][0]["detail"]
    spoken = town.say("receipts", "compare", str(held))
    assert f"submission {lost}" in spoken
    assert kept.digest in spoken


def test_reports_of_unknown_cases_are_listed(town: Town) -> None:
    assert town.run("reports", "list") == (DONE, {"reports": []})
    report_id, case_id = new_id(), new_id()
    now = datetime.now(UTC)

    async def keep(store: SqlStore) -> None:
        what = {"tenant": TENANT, "type": "delivery.accepted", "state": "rejected", "destination": LEAD}
        row = {"report_id": report_id, "case_id": case_id, "received_at": now, "created_at": now} | what
        async with store.write() as connection:
            await connection.execute(reports.insert().values(row))

    town.do(keep)
    _, said = town.run("reports", "list", "--state", "rejected", "--destination", LEAD)
    (only,) = said["reports"]
    assert (only["report_id"], only["case_id"], only["case_known"]) == (report_id, case_id, False)
    assert "not in the store" in town.say("reports", "list")
    assert town.run("reports", "list", "--state", "parked") == (DONE, {"reports": []})
