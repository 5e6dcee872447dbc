"""The machine of a case, whole: every status with every event."""

import pytest

from gateway.contract.states import CaseStatus as S
from gateway.contract.states import CitizenStatus
from gateway.domain.case import FINAL, RUNNING, CaseEvent, citizen_status, move

E = CaseEvent
_RUNNING = {
    E.PROCESSING: S.IN_PROGRESS,
    E.QUERY: S.ACTION_REQUIRED,
    E.DECISION: S.DECIDED,
    E.INTERIM_DECISION: S.IN_PROGRESS,
    E.REFUSAL: S.REFUSED,
    E.WITHDRAWAL: S.WITHDRAWN,
}
LEGAL = {
    S.OPEN: _RUNNING,
    S.IN_PROGRESS: _RUNNING,
    S.ACTION_REQUIRED: _RUNNING,
    S.DECIDED: {
        E.PROCESSING: S.IN_PROGRESS,
        E.QUERY: S.ACTION_REQUIRED,
        E.DECISION: S.DECIDED,
        E.INTERIM_DECISION: S.IN_PROGRESS,
    },
    S.REFUSED: {},
    S.WITHDRAWN: {},
}


@pytest.mark.parametrize("event", list(CaseEvent))
@pytest.mark.parametrize("status", list(S))
def test_move_goes_where_the_table_says_and_leaves_the_rest(status: S, event: CaseEvent) -> None:
    moved = move(status, event)
    if event in LEGAL[status]:
        assert (moved.status, moved.legal) == (LEGAL[status][event], True)
    else:
        assert (moved.status, moved.legal, moved.reopened) == (status, False, False)


@pytest.mark.parametrize("event", [E.PROCESSING, E.QUERY, E.INTERIM_DECISION])
def test_decided_case_is_reopened_by_the_leads_further_work(event: CaseEvent) -> None:
    assert move(S.DECIDED, event).reopened


def test_second_decision_does_not_reopen() -> None:
    assert not move(S.DECIDED, E.DECISION).reopened


def test_every_status_is_running_or_final() -> None:
    assert set(S) == RUNNING | FINAL
    assert not RUNNING & FINAL


@pytest.mark.parametrize(
    ("status", "received", "shown"),
    [
        (S.OPEN, False, CitizenStatus.SUBMITTED),
        (S.OPEN, True, CitizenStatus.RECEIVED),
        (S.IN_PROGRESS, True, CitizenStatus.PROCESSING),
        (S.ACTION_REQUIRED, True, CitizenStatus.ACTION_REQUIRED),
        (S.REFUSED, True, CitizenStatus.ACTION_REQUIRED),
        (S.DECIDED, True, CitizenStatus.COMPLETED),
        (S.WITHDRAWN, False, CitizenStatus.COMPLETED),
    ],
)
def test_citizen_is_shown_one_of_the_six_values(status: S, received: bool, shown: CitizenStatus) -> None:
    assert citizen_status(status, received=received) is shown
