"""The checker on histories made by hand: silent on a good one, loud on each way in which one is bad."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from chaos.checker import EFFECT, FOR_GOOD, PROMISES, REFUSED, check
from chaos.history import NO_ANSWER, Filed, History, Letter, Line, Message, Send

RECEIPTED, FOLLOW_UP, DENIED, UNANSWERED, GIVEN_UP = "app-0", "app-0-more", "app-1", "app-2", "app-3"
DECISION, REFUSAL = "xrueckkanal:1.0:rueckkanal.ergebnis.1151", "xrueckkanal:1.0:rueckkanal.rueckweisung.1190"


def good() -> History:
    """Four applications: one with a follow-up, one that the office refuses, two without an answer.

    Of the latter one was stored all the same, and one was not.
    """
    history = History(
        {
            RECEIPTED: Message(RECEIPTED, 0, 0, "a"),
            FOLLOW_UP: Message(FOLLOW_UP, 0, 1, "b"),
            DENIED: Message(DENIED, 1, 0, "c"),
            UNANSWERED: Message(UNANSWERED, 2, 0, "d"),
            GIVEN_UP: Message(GIVEN_UP, 3, 0, "e"),
        }
    )
    send(history, RECEIPTED, "case-0", status=NO_ANSWER)
    send(history, RECEIPTED, "case-0")
    send(history, FOLLOW_UP, "case-0")
    send(history, DENIED, "case-1")
    send(history, UNANSWERED, "case-2", status=503)
    send(history, GIVEN_UP, "case-3", status=NO_ANSWER)
    for number, (message_id, what, case_id, seq) in enumerate(
        [
            (RECEIPTED, EFFECT, "case-0", 1),
            (FOLLOW_UP, EFFECT, "case-0", 3),
            (DENIED, REFUSED, "case-1", 1),
            (UNANSWERED, EFFECT, "case-2", 1),
        ]
    ):
        enter(history, number, message_id, what, case_id, seq)
        file(history, f"s-{message_id}", case_id, seq, history.messages[message_id].sha256, number)
        answer(history, message_id, case_id, seq + 1, REFUSAL if what == REFUSED else DECISION, number + 0.5)
    return history


def send(history: History, message_id: str, case_id: str, *, status: int = 202) -> None:
    ids = (f"s-{message_id}", case_id) if status == 202 else (None, None)
    history.sends.append(Send(0.0, message_id, "gateway-1", status, *ids))
    if status == 202:
        history.views[f"s-{message_id}"] = {"status": "refused" if message_id == DENIED else "delivered"}


def enter(history: History, number: int, message_id: str, what: str, case_id: str, seq: int) -> None:
    digest = history.messages[message_id].sha256 if message_id in history.messages else "x"
    line = Line(number, 0.0, "register", what, message_id, f"s-{message_id}", case_id, seq, 1, digest, 1)
    history.book.append(line)


def file(history: History, submission_id: str, case_id: str, seq: int, digest: str, at: float) -> None:
    history.filed.append(Filed("dms", submission_id, case_id, seq, digest, f"{at:08.2f}"))


def answer(history: History, about: str, case_id: str, seq: int, kind: str, at: float) -> None:
    letter = Letter(f"letter-{about}", kind, case_id, "l", about=about)
    history.mailbox.append(letter)
    history.reread.append(letter)
    file(history, letter.message_id, case_id, seq, "l", at)


def of(history: History, message_id: str) -> Line:
    return next(line for line in history.book if line.message_id == message_id)


def other_receipt(history: History) -> None:
    history.sends.append(replace(history.sends[1], submission_id="another"))


def shared_receipt(history: History) -> None:
    history.sends[3] = replace(history.sends[3], submission_id=history.sends[1].submission_id)


def second_effect(history: History) -> None:
    history.book.append(replace(of(history, RECEIPTED), number=99))


def no_effect(history: History) -> None:
    history.book.remove(of(history, RECEIPTED))


def refused_after_effect(history: History) -> None:
    enter(history, 99, RECEIPTED, REFUSED, "case-0", 1)


def refusal_beside_decision(history: History) -> None:
    answer(history, UNANSWERED, "case-2", 3, REFUSAL, 9)


def stranger(history: History) -> None:
    enter(history, 99, "nobody's", EFFECT, "case-9", 1)


def invalid(history: History) -> None:
    history.messages = {**history.messages, UNANSWERED: replace(history.messages[UNANSWERED], valid=False)}


def answered_without_receipt(history: History) -> None:
    history.sends[4] = replace(history.sends[4], status=422)


def other_bytes(history: History) -> None:
    history.book[0] = replace(history.book[0], sha256="other")


def other_bytes_filed(history: History) -> None:
    history.filed[0] = replace(history.filed[0], sha256="other")


def entered_in_reverse(history: History) -> None:
    history.book[0], history.book[1] = history.book[1], history.book[0]


def filed_twice(history: History) -> None:
    history.filed.append(replace(history.filed[0], destination="dms-annex"))


def not_filed(history: History) -> None:
    history.filed = [each for each in history.filed if each.submission_id != f"s-{RECEIPTED}"]


def letter_not_filed(history: History) -> None:
    history.filed = [each for each in history.filed if each.submission_id != f"letter-{RECEIPTED}"]


def filed_in_reverse(history: History) -> None:
    history.filed[0] = replace(history.filed[0], filed_at="99999")


def no_decision(history: History) -> None:
    history.mailbox = history.reread = [each for each in history.mailbox if each.about != RECEIPTED]


def second_decision(history: History) -> None:
    answer(history, RECEIPTED, "case-0", 9, DECISION, 9)
    history.mailbox[-1] = history.reread[-1] = replace(history.mailbox[-1], message_id="second")
    file(history, "second", "case-0", 9, "l", 9)


def no_refusal(history: History) -> None:
    history.mailbox = history.reread = [each for each in history.mailbox if each.about != DENIED]


def second_refusal(history: History) -> None:
    answer(history, DENIED, "case-1", 9, REFUSAL, 9)
    history.mailbox[-1] = history.reread[-1] = replace(history.mailbox[-1], message_id="second")


def decision_about_nothing(history: History) -> None:
    answer(history, GIVEN_UP, "case-3", 2, DECISION, 9)


def decided_in_reverse(history: History) -> None:
    history.mailbox[0], history.mailbox[1] = history.mailbox[1], history.mailbox[0]


def reader_skips(history: History) -> None:
    del history.mailbox[0]


def reader_stops(history: History) -> None:
    del history.mailbox[-1]


def reader_repeats(history: History) -> None:
    history.mailbox.append(history.mailbox[0])


def letter_vanishes(history: History) -> None:
    del history.reread[0]


def mailbox_reordered(history: History) -> None:
    history.reread.reverse()


def not_settled(history: History) -> None:
    history.views[f"s-{RECEIPTED}"] = {"status": "accepted"}


def balance_open(history: History) -> None:
    history.balance = ["dms: created 5, accounted for 4"]


SPOILT: list[tuple[Callable[[History], None], str]] = [
    (other_receipt, "receipt_changed"),
    (shared_receipt, "receipt_shared"),
    (second_effect, "register_twice"),
    (no_effect, "register_lost"),
    (refused_after_effect, "refused_and_taken"),
    (refusal_beside_decision, "refused_and_taken"),
    (stranger, "unknown_taken"),
    (invalid, "invalid_taken"),
    (answered_without_receipt, "unreceipted"),
    (other_bytes, "content_changed"),
    (other_bytes_filed, "content_changed"),
    (entered_in_reverse, "register_order"),
    (filed_twice, "dms_twice"),
    (not_filed, "dms_lost"),
    (letter_not_filed, "dms_lost"),
    (filed_in_reverse, "dms_order"),
    (no_decision, "decision_lost"),
    (second_decision, "decision_twice"),
    (no_refusal, "refusal_lost"),
    (second_refusal, "refusal_twice"),
    (decision_about_nothing, "decision_unknown"),
    (decided_in_reverse, "decision_order"),
    (reader_skips, "mailbox_skipped"),
    (reader_stops, "mailbox_behind"),
    (reader_repeats, "mailbox_repeated"),
    (letter_vanishes, "mailbox_vanished"),
    (mailbox_reordered, "mailbox_order"),
    (not_settled, "unsettled"),
    (balance_open, "balance"),
]


def test_checker_is_silent_when_everything_happened_once() -> None:
    assert check(good()) == []


@pytest.mark.parametrize(("spoil", "kind"), SPOILT, ids=[each.__name__ for each, _ in SPOILT])
def test_checker_reports_when_history_is_spoilt(spoil: Callable[[History], None], kind: str) -> None:
    history = good()
    spoil(history)
    assert kind in {each.kind for each in check(history)}


def test_checker_excuses_follow_up_when_its_application_was_refused_and_the_applicant_told() -> None:
    history = good()
    more = "app-1-more"
    history.messages = {**history.messages, more: Message(more, 1, 1, "f")}
    send(history, more, "case-1")
    history.views[f"s-{more}"] = {"status": "cancelled"}
    assert {each.kind for each in check(history)} == {"register_lost", "dms_lost", "unsettled"}
    answer(history, more, "case-1", 3, REFUSAL, 9)
    assert check(history) == []


def test_every_kind_of_violation_is_shown_by_a_spoilt_history() -> None:
    assert {kind for _, kind in SPOILT} >= FOR_GOOD
    assert len(PROMISES) == 10
