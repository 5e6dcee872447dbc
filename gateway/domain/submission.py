"""The status of a submission follows from its deliveries."""

from collections.abc import Iterable

from gateway.contract.states import DeliveryState, Role, SubmissionStatus


def status_of(deliveries: Iterable[tuple[Role, DeliveryState]]) -> SubmissionStatus:
    """Derive a submission's status from the role and state of all its deliveries.

    The lead's refusal refuses; any failure needs an operator; what was cancelled for the lead is cancelled,
    whoever has a copy; copies that were cancelled do not hold up what the others accepted.
    """
    rows = list(deliveries)
    states = {state for _, state in rows}
    if (Role.LEAD, DeliveryState.REFUSED) in rows:
        return SubmissionStatus.REFUSED
    if DeliveryState.FAILED in states:
        return SubmissionStatus.FAILED
    if (Role.LEAD, DeliveryState.CANCELLED) in rows or states == {DeliveryState.CANCELLED}:
        return SubmissionStatus.CANCELLED
    if states <= {DeliveryState.ACCEPTED, DeliveryState.CANCELLED}:
        return SubmissionStatus.DELIVERED
    return SubmissionStatus.ACCEPTED
