"""The whole error hierarchy. The class decides what happens, never the place that raises it.

A class's docstring is its default message. A `Problem` is answered to a client as RFC 9457 JSON; the
others end in the log, in a state an operator sees, or on the terminal.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gateway.contract.codes import REJECT_LIST_URI, REJECT_LIST_VERSION, RejectCode
from gateway.contract.findings import Bilingual, Finding, Severity


class AmtsboteError(Exception):
    """Something went wrong in Amtsbote."""

    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").partition("\n")[0]
        super().__init__(self.detail)


class ConfigurationError(AmtsboteError):
    """The configuration is not usable."""


class StoreUnavailable(AmtsboteError):
    """The store cannot be reached; if it was during commit, whether that took effect is unknown."""

    retryable = True


class StoreConflict(AmtsboteError):
    """The database refused a row; the data are at fault, not the connection."""


class ReferenceKnown(AmtsboteError):
    """A submission was to open a case only if its reference is new, and it is not."""


class StoreDeadlock(AmtsboteError):
    """Two transactions waited for each other; this one was ended and may be run again."""

    retryable = True


class StoreInUse(AmtsboteError):
    """Another process already serves this database file."""


class BrokerUnavailable(AmtsboteError):
    """The broker cannot be reached or did not confirm in time; the message may have arrived."""

    retryable = True


class MessageReturned(AmtsboteError):
    """No queue takes this message: the destination is not declared."""

    retryable = True


class QueueFull(AmtsboteError):
    """The queue is at its limit; the message was not taken."""

    retryable = True


class HeadersTooLarge(AmtsboteError):
    """The headers of this message are larger than a broker may be given."""


class ReportRejected(AmtsboteError):
    """The report does not conform to the contract and has no effect."""


class NotPossible(AmtsboteError):
    """What an operator asked for cannot be done here and now."""


class KeyUnavailable(AmtsboteError):
    """The data key of a payload cannot be read with the master key that this process was started with."""

    retryable = True


class PayloadUnreadable(AmtsboteError):
    """A stored payload is damaged, or lies where it was not put."""


@dataclass(frozen=True, slots=True)
class RejectReason:
    """A code of a published list of reasons for Rückweisungen."""

    code: str
    list_uri: str = REJECT_LIST_URI
    list_version: str = REJECT_LIST_VERSION


class Problem(AmtsboteError):
    """Something a client is told: what is wrong, where, and what to do next.

    `type` is the slug of the problem type; `code` the published reject code, None where none fits.
    `explanation` says in both languages what is wrong here; `detail` is its English. A refusal that has a
    code is about the message and has at least one finding. Where the message's standard is known,
    `message_type` is its id and `rejections` are the reasons that a Rückweisung gives, by our codes: a
    standard may have a list of its own.
    """

    type: ClassVar[str]
    status: ClassVar[int]
    code: ClassVar[RejectCode | None] = None
    title: ClassVar[Bilingual]

    def __init__(
        self,
        reason: Bilingual | None = None,
        *,
        hint: Bilingual | None = None,
        findings: Sequence[Finding] = (),
        more_findings: int = 0,
        retry_after_s: int | None = None,
        link: str | None = None,
    ) -> None:
        reason = reason or self.title
        self.explanation = _summary(findings, more_findings) if findings else _joined(reason, hint)
        super().__init__(self.explanation.en)
        whole = [Finding(code=self.code, message=reason, hint=hint)] if self.code else []
        self.findings = list(findings) or whole
        self.more_findings = more_findings
        self.retry_after_s = retry_after_s
        self.link = link
        self.message_type: str | None = None
        self.rejections: dict[str, RejectReason] = {}

    @property
    def codes(self) -> list[str]:
        """Every code for which it refuses: its own, then those of other errors in their order."""
        errors = [each.code for each in self.findings if each.severity is Severity.ERROR]
        return list(dict.fromkeys([str(self.code or RejectCode.OTHER), *errors]))


def _joined(reason: Bilingual, hint: Bilingual | None) -> Bilingual:
    return Bilingual(de=f"{reason.de} {hint.de}", en=f"{reason.en} {hint.en}") if hint else reason


def _summary(findings: Sequence[Finding], more: int) -> Bilingual:
    """Say the first finding and where it is, and how many there are."""
    first, count = findings[0], len(findings) + more
    said = _joined(first.message, first.hint)
    if first.line is not None:
        german, english = (
            f"Zeile {first.line}, Spalte {first.column}",
            f"Line {first.line}, column {first.column}",
        )
    else:
        german = english = "" if first.path == "/" else first.path
    if count > 1:
        german, english = f"{german} (1 von {count} Befunden)", f"{english} (1 of {count} findings)"
    if not german:
        return said
    return Bilingual(de=f"{german.strip()}: {said.de}", en=f"{english.strip()}: {said.en}")


class MalformedXml(Problem):
    """The message is not well-formed XML."""

    type = "malformed-xml"
    status = 400
    code = RejectCode.NOT_WELL_FORMED
    title = Bilingual(
        de="Die Nachricht ist kein wohlgeformtes XML.", en="The message is not well-formed XML."
    )


class NotUtf8(Problem):
    """The message is not encoded in UTF-8."""

    type = "not-utf8"
    status = 400
    code = RejectCode.ENCODING
    title = Bilingual(de="Die Nachricht ist nicht in UTF-8 kodiert.", en="The message is not UTF-8.")


class ForbiddenXml(Problem):
    """The message uses XML features that are not allowed here."""

    type = "forbidden-xml"
    status = 400
    code = RejectCode.OTHER
    title = Bilingual(
        de="Die Nachricht verwendet unzulässige XML-Bestandteile.",
        en="The message uses XML features that are not allowed.",
    )


class SchemaViolation(Problem):
    """The message does not conform to its schema."""

    type = "schema-violation"
    status = 422
    code = RejectCode.SCHEMA
    title = Bilingual(
        de="Die Nachricht entspricht nicht ihrem Schema.", en="The message does not conform to its schema."
    )


class CodeListViolation(Problem):
    """The message names a code list or a code that is not allowed there."""

    type = "code-list-violation"
    status = 422
    code = RejectCode.CODE_LIST
    title = Bilingual(
        de="Eine Codeliste oder ein Code ist nicht zulässig.", en="A code list or a code is not allowed."
    )


class CodeViolation(CodeListViolation):
    """The message uses a code that its list does not have."""

    code = RejectCode.CODE


class RuleViolation(Problem):
    """The message breaks a business rule of its standard."""

    type = "rule-violation"
    status = 422
    code = RejectCode.RULE
    title = Bilingual(
        de="Die Nachricht verletzt eine Geschäftsregel ihres Standards.",
        en="The message breaks a business rule of its standard.",
    )


class VersionNotServed(Problem):
    """The version of this standard is not served."""

    type = "version-not-served"
    status = 422
    code = RejectCode.VERSION
    title = Bilingual(
        de="Diese Version des Standards wird nicht bedient.", en="This version of the standard is not served."
    )


class UnknownMessageType(Problem):
    """No standard here has this root element and namespace."""

    type = "unknown-message-type"
    status = 422
    code = RejectCode.OTHER
    title = Bilingual(de="Der Nachrichtentyp ist unbekannt.", en="The message type is unknown.")


class WrongDirection(UnknownMessageType):
    """The message is of a type that authorities send to applicants."""

    title = Bilingual(
        de="Nachrichten dieses Typs gehen an Antragstellende und werden nicht angenommen.",
        en="Messages of this type go to applicants and are not taken.",
    )


class NoRoute(Problem):
    """No destination is configured for this message."""

    type = "no-route"
    status = 422
    code = RejectCode.NO_ROUTE
    title = Bilingual(
        de="Für diese Nachricht ist kein Weg eingerichtet.", en="No route is configured for this message."
    )


class MetadataMismatch(Problem):
    """What the message states contradicts itself or its metadata, or something needed is missing."""

    type = "metadata-mismatch"
    status = 422
    code = RejectCode.OTHER
    title = Bilingual(
        de="Angaben der Nachricht widersprechen einander oder ihren Metadaten.",
        en="What the message states contradicts itself or its metadata.",
    )


class IncompleteMetadata(MetadataMismatch):
    """Neither the message nor its metadata state something that is needed."""

    title = Bilingual(
        de="Weder die Nachricht noch ihre Metadaten machen eine nötige Angabe.",
        en="Neither the message nor its metadata state something that is needed.",
    )


class TrustLevelTooLow(Problem):
    """The service needs a higher trust level of identification."""

    type = "trust-level-too-low"
    status = 422
    code = RejectCode.OTHER
    title = Bilingual(
        de="Das Vertrauensniveau der Identifizierung reicht nicht aus.",
        en="The trust level of the identification is too low.",
    )


class AttachmentMismatch(Problem):
    """The attachments are not those the message names."""

    type = "attachment-mismatch"
    status = 422
    code = RejectCode.ATTACHMENT
    title = Bilingual(
        de="Die Anlagen entsprechen nicht den Angaben in der Nachricht.",
        en="The attachments are not those the message names.",
    )


class DuplicateMessageId(Problem):
    """This message id was used before for other bytes."""

    type = "duplicate-message-id"
    status = 409
    code = RejectCode.OTHER
    title = Bilingual(
        de="Diese Nachrichten-ID wurde schon für einen anderen Inhalt verwendet.",
        en="This message id was used before for other content.",
    )


class MessageTooLarge(Problem):
    """The message or its attachments are too large."""

    type = "message-too-large"
    status = 413
    code = RejectCode.OTHER
    title = Bilingual(de="Die Nachricht ist zu groß.", en="The message is too large.")


class InvalidRequest(Problem):
    """The request is not what this call expects."""

    type = "invalid-request"
    status = 422
    title = Bilingual(
        de="Die Anfrage entspricht nicht der Schnittstelle.", en="The request is not what this call expects."
    )


class Unauthenticated(Problem):
    """No valid credentials were presented."""

    type = "unauthenticated"
    status = 401
    title = Bilingual(de="Die Anmeldung fehlt oder ist ungültig.", en="Credentials are missing or invalid.")


class NotAuthorised(Problem):
    """The credentials do not allow this."""

    type = "not-authorised"
    status = 403
    code = RejectCode.NOT_AUTHORISED
    title = Bilingual(de="Diese Anmeldung berechtigt dazu nicht.", en="These credentials do not allow this.")


class NotFound(Problem):
    """There is nothing here under this id."""

    type = "not-found"
    status = 404
    title = Bilingual(de="Unter dieser Kennung gibt es hier nichts.", en="There is nothing here by this id.")


class UnknownAddress(NotFound):
    """There is no such address."""

    title = Bilingual(de="Diese Adresse gibt es nicht.", en="There is no such address.")


class PayloadErased(Problem):
    """This content was erased when its retention period was over."""

    type = "erased"
    status = 410
    title = Bilingual(
        de="Dieser Inhalt wurde nach Ablauf der Aufbewahrungsfrist gelöscht.",
        en="This content was erased when its retention period was over.",
    )


class RateLimited(Problem):
    """Too many requests in a short time."""

    type = "rate-limited"
    status = 429
    retryable = True
    title = Bilingual(de="Zu viele Anfragen in kurzer Zeit.", en="Too many requests in a short time.")


class Unavailable(Problem):
    """The service cannot take this now; sending the same again later is safe."""

    type = "unavailable"
    status = 503
    retryable = True
    title = Bilingual(
        de="Der Dienst ist vorübergehend nicht verfügbar; erneutes Senden ist unschädlich.",
        en="The service is unavailable for now; sending the same again is safe.",
    )

    def __init__(self, reason: Bilingual | None = None, *, retry_after_s: int = 5) -> None:
        super().__init__(reason, retry_after_s=retry_after_s)


class MethodNotAllowed(Problem):
    """This address does not take that method."""

    type = "method-not-allowed"
    status = 405
    title = Bilingual(
        de="Diese Adresse nimmt die Methode nicht an.", en="This address does not take that method."
    )


class RequestTimeout(Problem):
    """The request did not arrive in time; sending it again is safe."""

    type = "request-timeout"
    status = 408
    retryable = True
    title = Bilingual(
        de="Die Anfrage ist nicht rechtzeitig angekommen; erneutes Senden ist unschädlich.",
        en="The request did not arrive in time; sending it again is safe.",
    )


class UnsupportedMediaType(Problem):
    """The request has a content type or encoding that is not taken here."""

    type = "unsupported-media-type"
    status = 415
    title = Bilingual(
        de="Inhaltstyp oder Kodierung der Anfrage wird nicht angenommen.",
        en="The content type or encoding of the request is not taken here.",
    )


class InternalFault(Problem):
    """Something is wrong in the gateway itself, not in the request."""

    type = "internal-fault"
    status = 500
    retryable = True
    title = Bilingual(
        de="Im Gateway selbst ist ein Fehler aufgetreten; erneutes Senden ist unschädlich.",
        en="Something is wrong in the gateway itself; sending the same again is safe.",
    )
