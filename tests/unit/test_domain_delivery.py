"""The fence, the retry schedule and the status of a submission, without any I/O."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.contract.states import DeliveryState as S
from gateway.contract.states import Role, SubmissionStatus
from gateway.domain.delivery import CANCELLABLE, SETTLED, UNSETTLED, Effect, Fence
from gateway.domain.retry import next_try
from gateway.domain.submission import status_of

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "effect"),
    [
        (S.WAITING, Effect.APPLY),
        (S.SENT, Effect.APPLY),
        (S.FAILED, Effect.APPLY),
        (S.ACCEPTED, Effect.REPEAT),
        (S.REFUSED, Effect.CONTRADICTS),
        (S.CANCELLED, Effect.CONTRADICTS),
    ],
)
def test_accepted_counts_in_every_state_that_it_can_still_change(state: S, effect: Effect) -> None:
    assert Fence(state, 3).accepted() is effect


@pytest.mark.parametrize("state", list(S))
@pytest.mark.parametrize("attempt", [None, 0, 2, 3, 4])
def test_end_counts_for_the_copy_on_the_wire_only(state: S, attempt: int | None) -> None:
    counts = state is S.SENT and attempt == 3
    assert Fence(state, 3).ended(attempt) is (Effect.APPLY if counts else Effect.STALE)


def test_what_is_cancelled_at_once_is_not_on_the_wire() -> None:
    assert S.SENT not in CANCELLABLE
    assert set(S) == SETTLED | UNSETTLED
    assert CANCELLABLE <= UNSETTLED


@pytest.mark.parametrize(
    ("tries", "planned_s"), [(0, 5), (1, 20), (2, 80), (3, 320), (4, 1280), (5, 3600), (10_000, 3600)]
)
def test_back_off_grows_fourfold_to_an_hour(tries: int, planned_s: float) -> None:
    delays = [next_try(tries, NOW, NOW).delay_s for _ in range(50)]
    assert 0.8 * planned_s <= min(delays) <= max(delays) <= planned_s
    assert len(set(delays)) > 1  # jitter


@pytest.mark.parametrize(
    ("failing_for", "alert"), [(timedelta(hours=4), True), (timedelta(hours=3.99), False)]
)
def test_alert_is_due_after_four_hours(failing_for: timedelta, alert: bool) -> None:
    assert next_try(5, NOW, NOW + failing_for).alert is alert


def test_retry_ends_seven_days_after_the_first_failure() -> None:
    assert next_try(5, NOW, NOW + timedelta(days=7) - timedelta(seconds=1)) is not None
    assert next_try(5, NOW, NOW + timedelta(days=7)) is None
    assert next_try(0, NOW, NOW + timedelta(days=8), retry_after_s=5) is None


@given(
    tries=st.integers(0, 100_000),
    retry_after_s=st.none() | st.floats(0, allow_nan=False, allow_infinity=True),
)
def test_retry_is_never_sooner_than_asked_nor_later_than_an_hour(
    tries: int, retry_after_s: float | None
) -> None:
    plan = next_try(tries, NOW, NOW, retry_after_s)
    assert plan is not None
    assert min(retry_after_s or 0, 3600) <= plan.delay_s <= 3600


@pytest.mark.parametrize(
    ("lead", "copy", "status"),
    [
        (S.WAITING, S.WAITING, "accepted"),
        (S.SENT, S.ACCEPTED, "accepted"),
        (S.ACCEPTED, S.WAITING, "accepted"),
        (S.ACCEPTED, S.ACCEPTED, "delivered"),
        (S.ACCEPTED, S.CANCELLED, "delivered"),
        (S.ACCEPTED, S.FAILED, "failed"),
        (S.FAILED, S.ACCEPTED, "failed"),
        (S.REFUSED, S.FAILED, "refused"),
        (S.REFUSED, S.WAITING, "refused"),
        (S.CANCELLED, S.CANCELLED, "cancelled"),
        (S.CANCELLED, S.ACCEPTED, "cancelled"),
        (S.CANCELLED, S.SENT, "cancelled"),
        (S.CANCELLED, S.FAILED, "failed"),
    ],
)
def test_submission_stands_where_its_deliveries_stand(lead: S, copy: S, status: str) -> None:
    assert status_of([(Role.LEAD, lead), (Role.COPY, copy)]) is SubmissionStatus(status)


def test_submission_that_goes_to_copies_only_stands_where_they_stand() -> None:
    assert status_of([(Role.COPY, S.ACCEPTED)]) is SubmissionStatus.DELIVERED
    assert status_of([(Role.COPY, S.CANCELLED)]) is SubmissionStatus.CANCELLED
