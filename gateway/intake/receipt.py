"""What a portal gets as XML: the receipt of a stored submission, the Rückweisung of a refused one."""

from datetime import UTC, datetime

from gateway.backchannel.letters import make_head, make_reference, office, write_rejection
from gateway.config import Client, Config
from gateway.contract.findings import MAX_FINDINGS, Finding, Severity
from gateway.errors import Problem, RejectReason
from gateway.intake.receive import Receipt
from gateway.xml import rueckkanal
from gateway.xml.rueckkanal_frame import Head
from gateway.xml.rueckkanal_parts import MAX_DESCRIPTION
from gateway.xml.text import label

_LINE = "Zeile {}, Spalte {}: {}"
_MAX_PLACE = 1000
_MIN_SENTENCE = 100
"""Of a sentence that is cut off before, nobody would have anything."""


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
    """Write the Rückweisung of a message that was not stored, as the client gets it."""
    return rejection_from(
        make_head(config, authority="amtsbote", client=client.id, now=datetime.now(UTC), test=client.test),
        problem,
    )


def rejection_from(head: Head, problem: Problem) -> bytes:
    """Write the Rückweisung of a message that is refused; never the message itself.

    Each code is a reason of its own with its findings in the order of the message; warnings stand with the
    first. Codes that the standard's own list lacks share S999.
    """
    own, *others = problem.codes
    details: dict[RejectReason, list[tuple[str, str]]] = {
        _reason(problem, each): [] for each in (own, *others)
    }
    for finding in problem.findings[:MAX_FINDINGS]:
        refuses = finding.severity is Severity.ERROR
        details[_reason(problem, finding.code if refuses else own)].append(
            (finding.code, _described(finding))
        )
    if not problem.findings:
        details[_reason(problem, own)].append((problem.type, problem.title.de))
    more = problem.more_findings + max(0, len(problem.findings) - MAX_FINDINGS)
    return write_rejection(
        head=head,
        reference=None,
        reasons=[(reason, found) for reason, found in details.items() if found],
        note=f"Weitere Befunde, die hier nicht stehen: {more}." if more else None,
    )


def _reason(problem: Problem, code: str) -> RejectReason:
    return problem.rejections.get(code) or RejectReason(code)


def _described(finding: Finding) -> str:
    """Say what is wrong and where, in German, then in English; what is too long gives way from its end."""
    place = finding.path if finding.line is None else _LINE.format(finding.line, finding.column, finding.path)
    place = label(place, "place", _MAX_PLACE)
    is_warning = finding.severity is not Severity.ERROR
    german, english = ("Warnung: ", "Warning: ") if is_warning else ("", "")
    german += f"{finding.message.de} {finding.hint.de}" if finding.hint else finding.message.de
    english += f"{finding.message.en} {finding.hint.en}" if finding.hint else finding.message.en
    said = f"{label(f'{german} -', 'finding', MAX_DESCRIPTION - len(place) - 1)} {place}"
    left = MAX_DESCRIPTION - len(said) - 1
    return f"{said} {label(f'- {english}', 'finding', left)}" if left > _MIN_SENTENCE else said
