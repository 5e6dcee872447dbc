"""What a portal gets as XML: the receipt of a stored submission, the Rückweisung of a refused one."""

from datetime import UTC, datetime

from gateway.backchannel.letters import make_head, make_reference, office, write_rejection
from gateway.config import Client, Config
from gateway.contract.codes import RejectCode
from gateway.contract.findings import Finding
from gateway.errors import Problem, RejectReason
from gateway.intake.receive import Receipt
from gateway.xml import rueckkanal


def receipt_xml(config: Config, client: Client, receipt: Receipt) -> bytes:
    """Write the Eingangsbestätigung; the same submission always gives the same bytes."""
    head = make_head(
        config,
        authority=receipt.authority,
        client=client.id,
        now=receipt.received_at,
        test=receipt.test,
        message_id=receipt.submission_id,
    )
    return rueckkanal.eingangsbestaetigung(
        head=head,
        reference=make_reference(receipt.case_id, receipt.portal_reference, receipt.sender_message_id),
        received_at=receipt.received_at,
        received_by=office(config, receipt.authority),
        sha256=receipt.sha256,
    )


def rejection_xml(config: Config, client: Client, problem: Problem) -> bytes:
    """Write the Rückweisung of a message that was not stored; never the message itself."""
    details = [(finding.code, _in_german(finding)) for finding in problem.findings]
    head = make_head(config, authority="amtsbote", client=client.id, now=datetime.now(UTC), test=client.test)
    return write_rejection(
        head=head,
        reference=None,
        reason=problem.rejection or RejectReason(problem.code or RejectCode.OTHER),
        details=details or [(problem.type, problem.title.de)],
    )


def _in_german(finding: Finding) -> str:
    said = f"{finding.message.de} {finding.hint.de}" if finding.hint else finding.message.de
    return said if finding.line is None else f"{said} – {finding.path} (Zeile {finding.line})"
