"""One example of every answer, as the models write it; all ids and names are made up."""

from datetime import UTC, date, datetime
from typing import Any

from gateway import errors
from gateway.contract.findings import Bilingual, Finding
from gateway.contract.states import (
    CaseStatus,
    CitizenStatus,
    DeliveryState,
    Direction,
    Role,
    SubmissionStatus,
)
from gateway.http.api import answers
from gateway.intake import refusals
from gateway.standards.agreement import contradiction

SUBMISSION_ID = "0198c5a2-7f10-7c3e-9d2a-5b1f0e6a4c11"
CASE_ID = "0198c5a2-7f10-7c3e-9d2a-5b1f0e6a4c12"
MESSAGE_ID = "0198c5b0-1a2b-7d4c-8e5f-6a7b8c9d0e1f"
DELIVERY_ID = "0198c5a2-7f11-7a00-8b00-0c0d0e0f1011"
REQUEST_ID = "0198c5a2-7f0f-7b11-a0c3-7d9e4f2b8a00"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

_AT = datetime(2026, 3, 2, 9, 15, 27, 482000, tzinfo=UTC)
_LATER = datetime(2026, 3, 2, 9, 15, 28, 31000, tzinfo=UTC)
_TYPE = "xurkunde:1.1:urkunde.anforderung.0101"
_WHOSE: dict[str, Any] = {
    "tenant": "musterstadt",
    "service": "99900000000101",
    "authority": "psw:99101000",
    "test": False,
}
_OWN = f"/v1/submissions/{SUBMISSION_ID}"
_CASE = f"/v1/cases/{CASE_ID}"
_MAIL = f"/v1/mailbox/{MESSAGE_ID}"
_LINKS = answers.SubmissionLinks(
    self=_OWN, events=f"{_OWN}/events", receipt=f"{_OWN}/receipt", case=_CASE, messages=f"{_CASE}/messages"
)
_RECEIPT = answers.ReceiptNote(sha256=SHA256, xml=_LINKS.receipt)

ACCEPTED = answers.SubmissionAccepted(
    submission_id=SUBMISSION_ID,
    case_id=CASE_ID,
    received_at=_AT,
    status=SubmissionStatus.ACCEPTED,
    receipt=_RECEIPT,
    links=_LINKS,
)
SUBMISSION = answers.SubmissionView(
    submission_id=SUBMISSION_ID,
    case_id=CASE_ID,
    message_id="3f0c7a52-5d0e-4c7f-8a53-1f6f1c9b2d70",
    message_type=_TYPE,
    status=SubmissionStatus.DELIVERED,
    received_at=_AT,
    updated_at=_LATER,
    receipt=_RECEIPT,
    attachment_count=0,
    case=answers.CaseSummary(
        status=CaseStatus.IN_PROGRESS, citizen_status=CitizenStatus.PROCESSING, due_on=None
    ),
    deliveries=[
        answers.DeliverySummary(
            destination="musteramt-musterstadt",
            role=Role.LEAD,
            state=DeliveryState.ACCEPTED,
            attempt=1,
            code=None,
            updated_at=_LATER,
        )
    ],
    links=_LINKS,
    **_WHOSE,
)
EVENTS = answers.Events(
    submission_id=SUBMISSION_ID,
    events=[
        answers.Event(at=_AT, kind="submission.accepted"),
        answers.Event(
            at=_AT,
            kind="delivery.attempt",
            destination="musteramt-musterstadt",
            attempt=1,
            ended_at=_LATER,
            outcome="accepted",
        ),
        answers.Event(at=_LATER, kind="delivery.accepted", destination="musteramt-musterstadt"),
    ],
)
CASE = answers.CaseView(
    case_id=CASE_ID,
    message_type=_TYPE,
    status=CaseStatus.ACTION_REQUIRED,
    citizen_status=CitizenStatus.ACTION_REQUIRED,
    due_on=date(2026, 3, 30),
    opened_at=_AT,
    updated_at=_LATER,
    references=[
        answers.CaseReference(
            destination="musteramt-musterstadt", kind="aktenzeichen", value="34.1-2026-000017"
        )
    ],
    links=answers.CaseLinks(self=_CASE, messages=f"{_CASE}/messages"),
    **_WHOSE,
)
DIALOGUE = answers.Dialogue(
    case_id=CASE_ID,
    messages=[
        answers.CaseMessage(
            message_id=SUBMISSION_ID,
            direction="in",
            type=_TYPE,
            received_at=_AT,
            status=SubmissionStatus.DELIVERED,
            collected_at=None,
            after_final=False,
            sha256=SHA256,
            size=8941,
            attachment_count=0,
            link=_OWN,
        )
    ],
)
MAILBOX = answers.MailboxPage(
    items=[
        answers.MailboxItem(
            message_id=MESSAGE_ID,
            type="xrueckkanal:1.0:rueckkanal.bescheid.1150",
            case_id=CASE_ID,
            created_at=_LATER,
            collected_at=None,
            after_final=False,
            sha256=SHA256,
            size=4012,
            test=False,
            links=answers.MailboxLinks(
                content=_MAIL,
                attachments=[f"{_MAIL}/attachments/1"],
                collected=f"{_MAIL}/collected",
                case=_CASE,
            ),
        )
    ],
    next="42",
)
COLLECTED = answers.Collected(message_id=MESSAGE_ID, collected_at=_LATER)
VALID = answers.Valid(valid=True, message_type=_TYPE, findings=[], findings_more=0, **_WHOSE)
TOKEN = answers.Token(access_token="eyJhbGciOiJIUzI1NiIs…", expires_in=600)  # noqa: S106
TOKEN_ERROR = answers.TokenError(
    error="invalid_client", error_description="Client id and secret, sent by HTTP Basic, do not match."
)
ATTACHMENT = answers.DeliveryAttachment(
    number=1, sha256=SHA256, size=20480, media_type="application/pdf", file_name="vollmacht.pdf"
)
_STANDARD = "/v1/standards/xurkunde/1.1"
_IN_SHORT: dict[str, Any] = {
    "standard": "xurkunde",
    "version": "1.1",
    "title": Bilingual(de="Urkundenanforderung", en="Order of a civil status certificate"),
    "valid_from": date(2026, 1, 1),
    "valid_until": None,
    "grace_until": None,
    "served": True,
    "message_count": 2,
    "links": answers.StandardLinks(self=_STANDARD),
}
STANDARDS = answers.Standards(standards=[answers.StandardSummary(**_IN_SHORT)])
STANDARD = answers.StandardView(
    **_IN_SHORT,
    namespace="urn:amtsbote:xurkunde:1.1",
    header_profile="bn-1.1-unqualified",
    messages=[
        answers.MessageTypeView(
            id=_TYPE,
            name="urkunde.anforderung.0101",
            title=Bilingual(de="Anforderung einer Urkunde", en="Order of a certificate"),
            direction=Direction.IN,
            root="urkunde.anforderung.0101",
            code="0101",
            example=f"{_STANDARD}/messages/urkunde.anforderung.0101/example",
        )
    ],
    schemas=[
        answers.SchemaFileView(
            standard="xurkunde", version="1.1", file="xurkunde.xsd", link=f"{_STANDARD}/schemas/xurkunde.xsd"
        )
    ],
    code_lists=[
        answers.CodeListView(
            uri="urn:amtsbote:codeliste:urkundenart",
            version="1",
            closed=True,
            link=f"{_STANDARD}/code-lists/urn:amtsbote:codeliste:urkundenart/1",
        )
    ],
)
CODES = answers.Codes(
    uri="urn:amtsbote:codeliste:urkundenart", version="1", closed=True, codes=["eheurkunde", "geburtsurkunde"]
)
ALIVE = answers.Alive(status="ok")
READY = answers.Readiness(
    ready=True,
    parts={
        "store": answers.PartState(ok=True),
        "disk": answers.PartState(ok=True),
        "broker": answers.PartState(ok=True),
        "standards": answers.PartState(ok=True),
    },
)
NOT_READY = answers.Readiness(
    ready=False,
    parts={
        "store": answers.PartState(ok=False, reason="the store does not answer in time"),
        "disk": answers.PartState(ok=True),
        "broker": answers.PartState(ok=True),
        "standards": answers.PartState(ok=True),
    },
)
_MISSING = Finding(
    code="X001",
    path="/u:urkunde.anforderung.0101/u:beteiligter[2]/b:natuerlichePerson",
    namespaces={"u": "urn:amtsbote:xurkunde:1.1", "b": "urn:amtsbote:xbasis:1.0"},
    line=61,
    column=9,
    message=Bilingual(
        de="Im Element »natuerlichePerson« fehlt »vornamen« (Alle Vornamen).",
        en="In the element “natuerlichePerson”, “vornamen” (Alle Vornamen) is missing.",
    ),
    hint=Bilingual(
        de="»vornamen« gehört hinter »familienname«", en="“vornamen” belongs after “familienname”"
    ),
    documentation="Alle Vornamen, durch Leerzeichen getrennt.",
)
_UNKNOWN_CODE = Finding(
    code="S011",
    path="/u:urkunde.anforderung.0101/u:urkunde/u:art/code",
    namespaces={"u": "urn:amtsbote:xurkunde:1.1"},
    line=74,
    column=9,
    message=Bilingual(
        de="Der Code von »art« steht nicht in der Codeliste »Urkundenart« (urn:…:urkundenart, Version 1).",
        en="The code of “art” is not in the code list “Urkundenart” (urn:…:urkundenart, version 1).",
    ),
    hint=Bilingual(
        de="Gemeint ist vielleicht eheurkunde. Zulässig: eheurkunde, sterbeurkunde",
        en="Perhaps eheurkunde is meant. Allowed: eheurkunde, sterbeurkunde",
    ),
    documentation="Art der Urkunde, zum Beispiel Geburtsurkunde.",
)
_BROKEN_RULE = Finding(
    code="X002",
    path="/p:bewohnerparken.antrag.0101/p:zeitraum/p:bis",
    line=131,
    column=5,
    message=Bilingual(
        de="Der Zeitraum endet, bevor er beginnt.",
        en="Rule XPARKEN-01 is not met: Der Zeitraum endet, bevor er beginnt.",
    ),
    rule="XPARKEN-01",
)
_NOT_SENT = Finding(
    code="S020",
    path="/u:urkunde.anforderung.0101/u:anlage[2]",
    namespaces={"u": "urn:amtsbote:xurkunde:1.1"},
    line=131,
    column=3,
    message=Bilingual(
        de="Diese Anlage fehlt unter dem, was mitgesandt wurde: SHA-256 9f86d081884c7d65…, 48213 B, "
        "application/pdf.",
        en="This attachment is missing from what was sent: SHA-256 9f86d081884c7d65…, 48213 B, "
        "application/pdf.",
    ),
    hint=Bilingual(
        de="Senden Sie die Datei als Teil `attachment` mit (Kommandozeile: `--attach`).",
        en="Send the file along as a part `attachment` (command line: `--attach`).",
    ),
)
_WAIT = Finding(
    code="S999",
    path="query/wait",
    message=Bilingual(de="Die Zahl darf höchstens 60 sein.", en="The number must be at most 60."),
)
_CONTRADICTION, _LEAVE_OUT = contradiction("channel")
_OTHER_CHANNEL = Finding(
    code="S999",
    path="/u:urkunde.anforderung.0101/u:rahmen/b:eingangskanal/code",
    namespaces={"u": "urn:amtsbote:xurkunde:1.1", "b": "urn:amtsbote:xbasis:1.0"},
    line=39,
    column=7,
    message=_CONTRADICTION,
    hint=_LEAVE_OUT,
)
_NO_ROUTE = Bilingual(
    de="Diese Leistung wird für das angegebene Gebiet (ARS) nicht angeboten.",
    en="This service is not offered for the area (ARS) stated.",
)
PROBLEMS: dict[type[errors.Problem], errors.Problem] = {
    errors.SchemaViolation: errors.SchemaViolation(findings=[_MISSING]),
    errors.CodeListViolation: errors.CodeViolation(findings=[_UNKNOWN_CODE]),
    errors.RuleViolation: errors.RuleViolation(findings=[_BROKEN_RULE]),
    errors.NoRoute: errors.NoRoute(
        _NO_ROUTE, hint=Bilingual(de="Angeboten: 991010001001, 99102.", en="Offered: 991010001001, 99102.")
    ),
    errors.MetadataMismatch: errors.MetadataMismatch(findings=[_OTHER_CHANNEL]),
    errors.TrustLevelTooLow: errors.TrustLevelTooLow(
        Bilingual(
            de="Die Leistung verlangt das Vertrauensniveau `high`.",
            en="The service needs the trust level `high`.",
        ),
        hint=refusals.STATE_TRUST,
    ),
    errors.AttachmentMismatch: errors.AttachmentMismatch(findings=[_NOT_SENT]),
    errors.DuplicateMessageId: errors.DuplicateMessageId(hint=refusals.NEW_ID, link=_OWN),
    errors.NotAuthorised: refusals.no_grant("submit", "musterstadt", "99900000000101"),
    errors.InvalidRequest: errors.InvalidRequest(findings=[_WAIT]),
}
"""Those that say more than their title does."""

METADATA = {"channel": "online", "identifications": [{"means": "eID", "trust_level": "high"}]}
MESSAGE = """<?xml version="1.0" encoding="UTF-8"?>
<u:urkunde.anforderung.0101 xmlns:u="urn:amtsbote:xurkunde:1.1" …>
  <nachrichtenkopf.g2g>…</nachrichtenkopf.g2g>
  …
</u:urkunde.anforderung.0101>
"""
SCHEMA_FILE = """<?xml version="1.0" encoding="UTF-8"?>
<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="urn:amtsbote:xurkunde:1.1" …>
  …
</xs:schema>
"""
GENERICODE = """<?xml version="1.0" encoding="UTF-8"?>
<gc:CodeList xmlns:gc="http://docs.oasis-open.org/codelist/ns/genericode/1.0/">
  …
</gc:CodeList>
"""
RECEIPT_XML = """<?xml version="1.0" encoding="UTF-8"?>
<r:rueckkanal.eingangsbestaetigung.1110 xmlns:r="urn:amtsbote:xrueckkanal:1.0" …>
  …
  <r:eingangszeitpunkt>2026-03-02T10:15:27.482+01:00</r:eingangszeitpunkt>
  …
</r:rueckkanal.eingangsbestaetigung.1110>
"""
REJECTION_XML = """<?xml version="1.0" encoding="UTF-8"?>
<r:rueckkanal.rueckweisung.1190 xmlns:r="urn:amtsbote:xrueckkanal:1.0" …>
  …
</r:rueckkanal.rueckweisung.1190>
"""
BACK_XML = """<?xml version="1.0" encoding="UTF-8"?>
<r:rueckkanal.bescheid.1150 xmlns:r="urn:amtsbote:xrueckkanal:1.0" …>
  …
</r:rueckkanal.bescheid.1150>
"""
