"""How a delivery ended, written as the report that tells the gateway."""

from datetime import datetime

from pydantic import BaseModel

from adapters.kit.errors import OutcomeUnknown, Refused, Transient
from gateway.contract import report as contract
from gateway.contract.delivery import Delivery
from gateway.contract.ids import new_id
from gateway.contract.report import Accepted, Failed, FailureKind, Report, ReportType


def outcome_of(error: Exception) -> tuple[ReportType, BaseModel]:
    """Return what an exception from an adapter means.

    Of an unknown exception only the class is named: its text may hold personal data.
    """
    if isinstance(error, Refused):
        return ReportType.DELIVERY_REFUSED, contract.Refused(code=error.code, reason=error.reason)
    if isinstance(error, Transient):
        failed = Failed(kind=FailureKind.TRANSIENT, reason=error.reason, retry_after_s=error.retry_after_s)
    elif isinstance(error, OutcomeUnknown):
        failed = Failed(kind=FailureKind.UNKNOWN, reason=error.reason)
    else:
        reason = f"The adapter failed with {type(error).__name__}; see its log."
        # Nobody knows what an unknown exception left behind: an operator must look before it is done again.
        failed = Failed(kind=FailureKind.PERMANENT, reason=reason)
    return ReportType.DELIVERY_FAILED, failed


def accepted_report(delivery: Delivery, accepted: Accepted, now: datetime) -> Report:
    """Write the report on a delivery that the application has taken over."""
    return delivery_report(delivery, ReportType.DELIVERY_ACCEPTED, _json(accepted), now)


def error_report(delivery: Delivery, error: Exception, now: datetime) -> Report:
    """Write the report on a delivery that ended with an exception."""
    try:
        kind, body = outcome_of(error)
    except ValueError as fault:  # a refusal that breaks the contract, such as one without a code
        kind, body = outcome_of(fault)
    return delivery_report(delivery, kind, _json(body), now)


def poison_report(delivery: Delivery, starts: int, now: datetime) -> Report:
    """Write the report on a delivery that was started again and again and never ended."""
    reason = f"The adapter started this {starts} times and never came to an end; see its log, then retry."
    failed = Failed(kind=FailureKind.PERMANENT, reason=reason)
    return delivery_report(delivery, ReportType.DELIVERY_FAILED, _json(failed), now)


def delivery_report(
    delivery: Delivery,
    kind: ReportType,
    body: bytes,
    now: datetime,
    *,
    report_id: str | None = None,
    attempt: int | None = None,
) -> Report:
    """Write the report on how a delivery ended, with a new id unless one is given."""
    return Report(
        report_id=report_id or new_id(),
        type=kind,
        destination=delivery.destination,
        case_id=delivery.case_id,
        submission_id=delivery.submission_id,
        delivery_id=delivery.delivery_id,
        attempt=delivery.attempt if attempt is None else attempt,
        created_at=now,
        body=body,
    )


def _json(body: BaseModel) -> bytes:
    return body.model_dump_json(exclude_none=True).encode()
