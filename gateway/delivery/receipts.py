"""Receipts that were issued, compared with what the store knows: after a restore some may be missing."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from gateway.contract.ids import is_id
from gateway.store import SqlStore, operators

_AT_ONCE = 500
_LOGGED = frozenset({"submission_accepted", "submission_repeated"})


@dataclass(frozen=True, slots=True)
class Issued:
    """A receipt as a portal or the log holds it."""

    submission_id: str
    case_id: str | None
    client: str | None
    received_at: str | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Missing:
    """A receipt that the store does not honour, and which destinations have reported about its case.

    `differs` where the submission is there with other bytes.
    """

    issued: Issued
    differs: bool
    reported_by: list[str]


@dataclass(frozen=True, slots=True)
class Held:
    """What a file holds: receipts, and how much else that a portal's file of receipts should not have."""

    receipts: list[Issued]
    unread: int


def read_receipts(lines: Iterable[str]) -> Held:
    """Read answers to `POST /v1/submissions`, one a line or as `--json` prints them, or the gateway's log.

    A log may be as Docker hands it out: with the container's name before each line, or each line in `log`.
    It holds much else, which is passed over.
    """
    receipts, unread, is_log = [], 0, False
    for document in _documents(lines):
        is_log = is_log or "event" in document
        if issued := _receipt_in(document):
            receipts.append(issued)
        elif "event" not in document:
            unread += 1
    return Held(receipts, 0 if is_log else unread)


def _receipt_in(document: dict[str, Any]) -> Issued | None:
    submission_id = str(document.get("submission_id"))
    is_one = document["event"] in _LOGGED if "event" in document else "receipt" in document
    if not is_one or not is_id(submission_id):
        return None
    receipt = document.get("receipt") or {}
    return Issued(
        submission_id,
        document.get("case_id"),
        document.get("client"),
        document.get("received_at") or document.get("timestamp"),
        document.get("sha256") or receipt.get("sha256"),
    )


def _documents(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    spread: list[str] = []
    for line in filter(str.strip, lines):
        # A document over several lines begins and ends with a brace of its own at the margin.
        if spread or line.rstrip() == "{":
            spread.append(line)
            if line.rstrip() != "}":
                continue
        text, spread = "".join(spread) or line, []
        document = _read(text)
        yield _read(document["log"]) if isinstance(document.get("log"), str) else document
    if spread:  # the file ends within a document
        yield {}


def _read(text: str) -> dict[str, Any]:
    _, brace, rest = text.partition("{")
    try:
        document = json.loads(brace + rest)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


async def compare(store: SqlStore, issued: Iterable[Issued]) -> tuple[int, list[Missing]]:
    """Return how many receipts there are, and those that the store does not honour."""
    receipts = list({each.submission_id: each for each in issued}.values())
    missing = []
    for start in range(0, len(receipts), _AT_ONCE):
        some = receipts[start : start + _AT_ONCE]
        async with store.read() as connection:
            known = await operators.known_submissions(connection, [each.submission_id for each in some])
            for each in some:
                if each.submission_id in known and each.sha256 in (None, known[each.submission_id]):
                    continue
                case_id = each.case_id or ""
                reported_by = await operators.reporters(connection, case_id) if is_id(case_id) else []
                missing.append(Missing(each, each.submission_id in known, reported_by))
    return len(receipts), missing
