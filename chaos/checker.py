"""Says what a history violates: pure functions over what was recorded, one for each promise.

The office's book is append-only and does not de-duplicate: a second effect is a second line. Order per case
is that in which the portal sent, which it did only after the receipt of the message before.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from chaos.history import Filed, History, Letter, Line, Message, by_case

EFFECT, REFUSED = "effect", "refused"
"""What an office writes into its book when it takes a submission over, and when it refuses the applicant."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was not kept: its name, a sentence, and the ids whose history tells more."""

    kind: str
    sentence: str
    ids: tuple[str, ...] = ()


def check(history: History) -> list[Violation]:
    """Return everything that is wrong, in the order of the promises."""
    return [violation for promise in PROMISES for violation in promise(history)]


def receipts_hold(history: History) -> Iterator[Violation]:
    """One message has one submission, whatever was sent again, and no two messages share one."""
    owners: dict[str, str] = {}
    for message_id, receipts in history.receipts().items():
        named = {(each.submission_id, each.case_id) for each in receipts}
        if len(named) > 1:
            yield Violation("receipt_changed", "a resend was receipted as another submission", (message_id,))
        for submission_id, _ in named:
            other = owners.setdefault(submission_id or "", message_id)
            if other != message_id:
                yield Violation("receipt_shared", "two messages have one submission", (message_id, other))


def effects_happen_once(history: History) -> Iterator[Violation]:
    """Every receipted submission is in the register once; refused or called off, it is not."""
    effects, refusals = history.lines(EFFECT), history.lines(REFUSED)
    for message_id, lines in effects.items():
        if len(lines) > 1:
            yield Violation("register_twice", f"the register holds it {len(lines)} times", (message_id,))
        if message_id in refusals:
            yield Violation("refused_and_taken", "the office refused it and took it over", (message_id,))
    for message_id in history.receipts():
        if message_id not in effects and message_id not in refusals and not _called_off(history, message_id):
            yield Violation("register_lost", "it was receipted and is not in the register", (message_id,))


def _called_off(history: History, message_id: str) -> bool:
    """A follow-up of an application that was refused may be cancelled, if the applicant is told."""
    message = history.messages.get(message_id)
    if message is None or message.place == 0:
        return False
    first = next(
        each
        for each in history.messages.values()
        if each.application == message.application and each.place == 0
    )
    told = any(letter.is_refusal and letter.about == message_id for letter in history.mailbox)
    return told and first.message_id in history.lines(REFUSED)


def nothing_appears_from_nowhere(history: History) -> Iterator[Violation]:
    """What has no receipt is there only where the portal could not know; a refused message never is."""
    receipts, effects = history.receipts(), history.lines(EFFECT)
    open_sends = {send.message_id for send in history.sends if send.is_open}
    for message_id, lines in effects.items():
        if message_id not in history.messages:
            yield Violation("unknown_taken", "nobody sent it", (message_id,))
        elif not history.messages[message_id].valid:
            yield Violation("invalid_taken", "it is not valid and was taken over", (message_id,))
        elif message_id not in receipts and message_id not in open_sends:
            yield Violation("unreceipted", "it was answered, without a receipt", (message_id,))
        elif lines[0].sha256 != history.messages[message_id].sha256:
            yield Violation("content_changed", "the register has other bytes than were sent", (message_id,))


def register_keeps_order(history: History) -> Iterator[Violation]:
    """The messages of one case take effect in the order in which they were sent."""
    effects = [line for line in history.book if line.what == EFFECT and line.message_id in history.messages]
    for case_id, lines in by_case(effects).items():
        places = [history.messages[line.message_id].place for line in lines]
        if places != sorted(places):
            yield Violation("register_order", f"entered in the order {places}", (case_id, *_of(lines)))


def documents_are_filed_once(history: History) -> Iterator[Violation]:
    """Every receipted submission, and every letter, is filed once, unchanged and in the order of its case."""
    filed: dict[str, list[Filed]] = defaultdict(list)
    for each in history.filed:
        filed[each.submission_id].append(each)
    for submission_id, copies in filed.items():
        places = {each.destination for each in copies}
        redirected = copies[0].case_id in history.excused and len(places) == len(copies)
        if len(copies) > 1 and not redirected:
            where = ", ".join(each.destination for each in copies)
            yield Violation("dms_twice", f"filed {len(copies)} times: {where}", (submission_id,))
    for message_id, receipts in history.receipts().items():
        submission_id = receipts[0].submission_id or ""
        if submission_id in filed:
            message = history.messages.get(message_id)
            if message and filed[submission_id][0].sha256 != message.sha256:
                yield Violation("content_changed", "the DMS has other bytes than were sent", (message_id,))
        elif not _called_off(history, message_id):
            yield Violation("dms_lost", "it was receipted and is not in the DMS", (message_id, submission_id))
    for letter in history.reread:
        if letter.message_id not in filed:
            yield Violation("dms_lost", "the letter is not in the DMS", (letter.message_id, letter.case_id))
    yield from _filed_in_order(history)


def _filed_in_order(history: History) -> Iterator[Violation]:
    for case_id, documents in by_case(history.filed).items():
        for destination in sorted({each.destination for each in documents}):
            own = [each for each in documents if each.destination == destination]
            numbers = [each.case_seq for each in sorted(own, key=lambda each: each.filed_at)]
            if numbers != sorted(numbers):
                ids = (case_id, *(each.submission_id for each in own))
                yield Violation("dms_order", f"{destination} filed in the order {numbers}", ids)


def decisions_arrive_once(history: History) -> Iterator[Violation]:
    """Whatever the office took over has one decision in the mailbox; whatever it refused, one refusal."""
    decided = Counter(letter.about for letter in history.mailbox if letter.is_decision)
    refused = Counter(letter.about for letter in history.mailbox if letter.is_refusal)
    effects, refusals = history.lines(EFFECT), history.lines(REFUSED)
    for name, wanted, found in (("decision", effects, decided), ("refusal", refusals, refused)):
        for message_id in wanted:
            count = found[message_id]
            if count == 0:
                yield Violation(f"{name}_lost", f"the reader never got the {name}", (message_id,))
            elif count > 1:
                yield Violation(f"{name}_twice", f"the reader got {count} {name}s", (message_id,))
    for about in decided.keys() - effects.keys():
        yield Violation("decision_unknown", "there is no application to this decision", (str(about),))
    for about in refused.keys() & effects.keys():
        yield Violation("refused_and_taken", "refused to the applicant, but taken over", (str(about),))


def decisions_keep_order(history: History) -> Iterator[Violation]:
    """The decisions of one case come in the order in which the office made them."""
    decided = [letter for letter in history.mailbox if letter.is_decision and letter.about]
    for case_id, letters in by_case(decided).items():
        places = [_place(history.messages, letter) for letter in letters]
        if places != sorted(places):
            ids = (case_id, *(letter.about or "" for letter in letters))
            yield Violation("decision_order", f"decisions came in the order {places}", ids)


def _place(messages: object, letter: Letter) -> int:
    message: Message | None = messages.get(letter.about) if isinstance(messages, dict) else None
    return message.place if message else 0


def reader_misses_nothing(history: History) -> Iterator[Violation]:
    """A reader that only ever went on from its cursor has seen the whole mailbox, each letter once."""
    seen = Counter(letter.message_id for letter in history.mailbox)
    everything = dict.fromkeys(letter.message_id for letter in history.reread)
    for message_id, count in seen.items():
        if count > 1:
            yield Violation("mailbox_repeated", f"the cursor returned it {count} times", (message_id,))
        if message_id not in everything:
            yield Violation("mailbox_vanished", "the reader saw it, and it is gone", (message_id,))
    behind = [message_id for message_id in everything if message_id not in seen]
    last = max((place for place, message_id in enumerate(everything) if message_id in seen), default=-1)
    for message_id in behind:
        if list(everything).index(message_id) < last:
            yield Violation("mailbox_skipped", "the reader is past it and never got it", (message_id,))
        else:
            yield Violation("mailbox_behind", "the reader did not come so far", (message_id,))
    if [each for each in everything if each in seen] != [each for each in seen if each in everything]:
        yield Violation("mailbox_order", "read anew, the mailbox has another order")


def submissions_are_settled(history: History) -> Iterator[Violation]:
    """Every receipted submission has ended as the register says, and stays so."""
    refusals, effects = history.lines(REFUSED), history.lines(EFFECT)
    for message_id, receipts in history.receipts().items():
        view = history.views.get(receipts[0].submission_id or "")
        if view is None:
            continue
        wanted = {"delivered"}
        if message_id in refusals:
            wanted = {"refused"}
        elif message_id not in effects and _called_off(history, message_id):
            wanted = {"cancelled"}
        if view["status"] not in wanted:
            sentence = f"its status is {view['status']}, not {' or '.join(sorted(wanted))}"
            yield Violation("unsettled", sentence, (message_id, receipts[0].submission_id or ""))


def balance_closes(history: History) -> Iterator[Violation]:
    """What the product's own reconciliation says."""
    for sentence in history.balance:
        yield Violation("balance", sentence)


def _of(lines: list[Line]) -> tuple[str, ...]:
    return tuple(line.message_id for line in lines)


PROMISES: tuple[Callable[[History], Iterator[Violation]], ...] = (
    receipts_hold,
    effects_happen_once,
    nothing_appears_from_nowhere,
    register_keeps_order,
    documents_are_filed_once,
    decisions_arrive_once,
    decisions_keep_order,
    reader_misses_nothing,
    submissions_are_settled,
    balance_closes,
)

FOR_GOOD = frozenset(
    {
        "receipt_changed",
        "receipt_shared",
        "register_twice",
        "refused_and_taken",
        "unknown_taken",
        "invalid_taken",
        "unreceipted",
        "content_changed",
        "register_order",
        "dms_twice",
        "dms_order",
        "decision_twice",
        "refusal_twice",
        "decision_unknown",
        "decision_order",
        "mailbox_repeated",
        "mailbox_skipped",
        "mailbox_vanished",
        "mailbox_order",
    }
)
"""What no waiting mends; the other violations may only say that something is still on its way."""
