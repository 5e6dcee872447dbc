"""The back-channel messages that the gateway itself writes: receipt, reference numbers, rejection."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from gateway.backchannel.work import CaseWork
from gateway.config import Config
from gateway.contract.codes import RejectCode
from gateway.contract.ids import is_id, new_id
from gateway.contract.report import Reference as ReportedReference
from gateway.errors import RejectReason
from gateway.store import reads
from gateway.store.rows import BackMessage, Case
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal import Head, Party, Reference, RejectDetail
from gateway.xml.text import UnfitText, label

_STANDARD = "xrueckkanal:1.0"
_PORTALS = "amtsbote"
"""The directory that lists portals: the gateway's own configuration."""


def office(config: Config, authority_id: str) -> Party:
    """Return an authority as a party of a message; one that was removed since keeps its id."""
    authority = config.authority.get(authority_id)
    if authority is None:
        return Party("DVDV", authority_id, authority_id)
    return Party(authority.directory, authority.id, authority.name)


def make_head(
    config: Config, *, authority: str, client: str, now: datetime, test: bool, message_id: str | None = None
) -> Head:
    """Write the header of a message from an authority to a portal."""
    portal = config.client.get(client)
    return Head(
        author=office(config, authority),
        reader=Party(_PORTALS, client, portal.name if portal else client),
        created_at=now,
        message_id=message_id or new_id(),
        test=test,
    )


def make_reference(case_id: str, portal_reference: str | None, sender_message_id: str | None) -> Reference:
    """Name the case by the portal's own reference where it gave one, by ours otherwise."""
    named = portal_reference if portal_reference and is_id(portal_reference) else case_id
    answered = sender_message_id if sender_message_id and is_id(sender_message_id) else None
    return Reference(reference=named, message_id=answered)


def write_rejection(
    *,
    head: Head,
    reference: Reference | None,
    reasons: Iterable[tuple[RejectReason, Sequence[tuple[str, str]]]],
    note: str | None = None,
) -> bytes:
    """Write a Rückweisung: published reasons, each with our own finer codes and sentences."""
    return rueckkanal.rueckweisung(
        head=head,
        reference=reference,
        examined_by="Amtsbote",
        reasons=[
            rueckkanal.RejectReason(
                code=reason.code,
                list_uri=reason.list_uri,
                list_version=reason.list_version,
                details=[RejectDetail(code=finer, description=text) for finer, text in details],
            )
            for reason, details in reasons
        ],
        transport_note=note,
    )


async def rejection(work: CaseWork, message_id: str, *, code: str, reason: str) -> BackMessage:
    """Write the Rückweisung of one message of a case."""
    case = work.case
    sender_message_id = await reads.fetch_sender_id(work.connection, message_id, tenant=case.tenant)
    back_id = new_id()
    # An adapter may have finer codes of its own; what is published is what others understand.
    published = code if code in set(RejectCode) else RejectCode.OTHER
    finer = _printable(code, "-"), _printable(reason, "Ohne Angabe von Gründen.")
    body = write_rejection(
        head=_head(work, back_id),
        reference=make_reference(case.case_id, case.portal_reference, sender_message_id),
        reasons=[(RejectReason(published), [finer])],
    )
    return _back(back_id, "rueckkanal.rueckweisung.1190", body)


def _printable(text: str, otherwise: str) -> str:
    try:
        return label(text, "text", 2000)
    except UnfitText:
        return otherwise


def case_reference(work: CaseWork, reference: ReportedReference) -> BackMessage:
    """Write the message that names the reference numbers of a case, which were checked to be printable."""
    back_id = new_id()
    body = rueckkanal.aktenzeichen(
        head=_head(work, back_id),
        reference=make_reference(work.case.case_id, work.case.portal_reference, None),
        file_number=reference.aktenzeichen,
        cash_number=reference.kassenzeichen,
        office=office(work.config, work.case.authority),
        contact=reference.contact,
    )
    return _back(back_id, "rueckkanal.aktenzeichen.1111", body)


def _head(work: CaseWork, message_id: str) -> Head:
    case: Case = work.case
    return make_head(
        work.config,
        authority=case.authority,
        client=case.client,
        now=work.now,
        test=case.test,
        message_id=message_id,
    )


def _back(message_id: str, name: str, body: bytes) -> BackMessage:
    return BackMessage(message_id, f"{_STANDARD}:{name}", body)
