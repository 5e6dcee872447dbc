"""Submissions and back-channel messages for the store's tests; all made up."""

from dataclasses import replace
from hashlib import sha256

from gateway.contract.ids import new_id
from gateway.store.master_key import MasterKey
from gateway.store.rows import BackMessage, NewSubmission, Part

MASTER_KEY = MasterKey(bytes(range(32)))
TENANT = "musterstadt"
CLIENT = "demo-portal"
LEAD = "musteramt-musterstadt"
COPY = "dms-musterstadt"


def part(data: bytes = b"<antrag/>", number: int = 0) -> Part:
    return Part(number, "application/xml", sha256(data).hexdigest(), data)


def submission(**changes: object) -> NewSubmission:
    """Return a submission that opens a case; each has ids of its own."""
    body = changes.pop("body", b"<antrag/>")
    made = NewSubmission(
        submission_id=new_id(),
        tenant=TENANT,
        client=CLIENT,
        sender_message_id=new_id(),
        message_type="xurkunde:1.1:urkunde.anforderung.0101",
        service="99900000000101",
        authority="psw:99101000",
        test=False,
        channel="online",
        applied_on=None,
        digest=sha256(body).hexdigest(),
        parts=(part(body),),
        lead=LEAD,
        copies=(COPY,),
    )
    return replace(made, **changes)


def again(item: NewSubmission, **changes: object) -> NewSubmission:
    """Return the same submission as a resend brings it: another id of ours, the sender's own."""
    return replace(item, submission_id=new_id(), **changes)


def back_message() -> BackMessage:
    return BackMessage(new_id(), "xrueckkanal:1.0:rueckkanal.status.1120", b"<status/>")
