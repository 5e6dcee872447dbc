"""A small model of delivery, submission and case, written from the design (§5) alone.

It is told what happens and says where everything stands then. Times are seconds.
"""

from dataclasses import dataclass, field

OPEN = ("waiting", "sent", "failed")
RUNNING = ("open", "in_progress", "action_required")
DAY_S = 86_400.0
LEAD_ROLE, COPY_ROLE = "lead", "copy"
MOVES = {
    "processing": "in_progress",
    "query": "action_required",
    "decision": "decided",
    "refusal": "refused",
    "withdrawal": "withdrawn",
}


@dataclass(eq=False)
class Delivery:
    message: "Message"
    destination: str
    role: str
    due_from: float
    due_by: float
    state: str = "waiting"
    attempt: int = 0
    tries: int = 0
    look_up: bool = False
    lease_until: float = 0.0
    failed_since: float | None = None
    wish: tuple[str, str] | None = None
    redirected: bool = False


@dataclass(eq=False)
class Message:
    seq: int
    incoming: bool
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def status(self) -> str:
        here = [each for each in self.deliveries if not each.redirected]
        states = {each.state for each in here}
        of_lead = {each.state for each in here if each.role == LEAD_ROLE}
        if "refused" in of_lead:
            return "refused"
        if "failed" in states:
            return "failed"
        if "cancelled" in of_lead or states == {"cancelled"}:
            return "cancelled"
        return "delivered" if states <= {"accepted", "cancelled"} else "accepted"


class Case:
    def __init__(self, lead: str, copies: list[str]) -> None:
        self.lead, self.copies = lead, copies
        self.status = "open"
        self.messages: list[Message] = []
        self.next_report: dict[str, int] = {}
        self.parked: dict[tuple[str, int], str] = {}

    @property
    def deliveries(self) -> list[Delivery]:
        return [each for message in self.messages for each in message.deliveries]

    @property
    def letters(self) -> int:
        return sum(not message.incoming for message in self.messages)

    def _add(self, roles: list[tuple[str, str]], now: float, *, incoming: bool) -> Message:
        message = Message(len(self.messages) + 1, incoming)
        self.messages.append(message)
        message.deliveries = [Delivery(message, name, role, now, now) for name, role in roles]
        return message

    def _roles(self) -> list[tuple[str, str]]:
        return [(self.lead, LEAD_ROLE), *((name, COPY_ROLE) for name in self.copies)]

    # --- what the applicant does

    def submit(self, now: float) -> Message:
        return self._add(self._roles(), now, incoming=True)

    def withdraw(self, now: float) -> Message:
        """Cancels waiting and failed, and goes wherever something was sent."""
        for each in self.deliveries:
            if each.message.incoming and each.state in ("waiting", "failed"):
                each.state = "cancelled"
        reached = {each.destination for each in self.deliveries if each.attempt}
        if self.lead not in reached:
            self.move("withdrawal")
        roles = [(name, role) for name, role in self._roles() if name in reached]
        return self._add(roles, now, incoming=True)

    # --- the wire

    def blocked(self, each: Delivery) -> bool:
        """n+1 goes to a destination once the lower ones there are accepted, refused or cancelled."""
        return any(
            other.destination == each.destination
            and other.message.seq < each.message.seq
            and other.state in OPEN
            for other in self.deliveries
        )

    def may_go(self, each: Delivery, now: float, *, surely: bool) -> bool:
        due = each.due_by if surely else each.due_from
        return each.state == "waiting" and due <= now and not each.wish and not self.blocked(each)

    def claimed(self, each: Delivery) -> None:
        each.state = "sent"
        each.attempt += 1

    def back(self, each: Delivery, due: float, *, look_up: bool) -> None:
        each.state, each.due_from, each.due_by = "waiting", due, due
        each.look_up = each.look_up or look_up

    def sweep(self, now: float) -> None:
        for each in self.deliveries:
            if each.state == "sent" and each.lease_until < now:
                self.back(each, now, look_up=True)
        for each in self.deliveries:
            if each.wish and each.state in ("waiting", "failed"):
                self.fulfil(each, now)
            elif each.wish and each.state != "sent":
                each.wish = None

    # --- what destinations report

    def accepted(self, each: Delivery) -> None:
        """`accepted` of any attempt wins; on an ended row an operator must look."""
        if each.state in OPEN:
            each.state, each.wish = "accepted", None

    def _counts(self, each: Delivery, attempt: int) -> bool:
        return each.state == "sent" and attempt == each.attempt

    def refused(self, each: Delivery, attempt: int, now: float) -> None:
        if not self._counts(each, attempt):
            return
        lead = each.role == LEAD_ROLE
        if each.wish and (not lead or each.wish[0] == "redirect"):
            self.fulfil(each, now)
        elif not lead:
            each.state, each.look_up = "failed", True
        else:
            each.state, each.wish = "refused", None
            self.post(now)
            if each.message.seq == 1:
                self._close(now)

    def _close(self, now: float) -> None:
        """A refused first message cancels the waiting ones, with notice."""
        self.move("refusal")
        for message in [each for each in self.messages if each.incoming and each.seq > 1]:
            waiting = [each for each in message.deliveries if each.state == "waiting"]
            for each in waiting:
                each.state = "cancelled"
            if waiting:
                self.post(now)

    def failed(self, each: Delivery, attempt: int, kind: str, now: float) -> None:
        if not self._counts(each, attempt):
            return
        if each.wish:
            self.fulfil(each, now)
            return
        since = now if each.failed_since is None else each.failed_since
        if kind == "permanent" or now - since >= 7 * DAY_S:
            each.state, each.look_up = "failed", True
            return
        delay = min(5.0 * 4 ** min(each.tries, 10), 3600.0)
        self.back(each, now, look_up=kind == "unknown")
        each.due_from, each.due_by = now + 0.8 * delay, now + delay
        each.tries, each.failed_since = each.tries + 1, since

    def expired(self, each: Delivery, attempt: int, now: float) -> None:
        """An expired copy returns the row to `waiting` and is no attempt that failed."""
        if not self._counts(each, attempt):
            return
        if each.wish:
            self.fulfil(each, now)
        else:
            self.back(each, now, look_up=True)

    # --- what the lead says about the case

    def report(self, destination: str, number: int, event: str, now: float) -> None:
        """The store applies the next number and parks later ones; only the lead moves the case."""
        due = self.next_report.setdefault(destination, 1)
        if destination != self.lead or number < due or (destination, number) in self.parked:
            return
        self.parked[destination, number] = event
        while (key := (destination, self.next_report[destination])) in self.parked:
            self.move(self.parked.pop(key))
            self.post(now)
            self.next_report[destination] += 1

    def move(self, event: str) -> None:
        ends = event in ("refusal", "withdrawal")
        legal = RUNNING if ends else (*RUNNING, "decided")
        if event in MOVES and self.status in legal:
            self.status = MOVES[event]

    def post(self, now: float) -> None:
        self._add([(name, COPY_ROLE) for name in self.copies], now, incoming=False)

    # --- what operators do

    def retry(self, each: Delivery, now: float) -> bool:
        if each.state not in ("waiting", "failed") or each.wish:
            return False
        self.back(each, now, look_up=False)
        each.tries, each.failed_since = 0, None
        return True

    def cancel(self, each: Delivery) -> bool:
        if each.state == "sent":
            each.wish = ("cancel", "")
        elif each.state in OPEN:
            each.state, each.wish = "cancelled", None
        else:
            return False
        return True

    def redirect(self, each: Delivery, target: str, now: float) -> bool:
        if each.state not in OPEN or target in (each.destination, self.lead, *self.copies):
            return False
        for other in self._unsettled(each.destination):
            if other.state == "sent":
                other.wish = ("redirect", target)
                return True
        self._redirect(each, target, now)
        return True

    def fulfil(self, each: Delivery, now: float) -> None:
        kind, target = each.wish or ("cancel", "")
        if kind == "redirect":
            self._redirect(each, target, now)
        else:
            each.state, each.wish = "cancelled", None

    def _unsettled(self, destination: str) -> list[Delivery]:
        return [each for each in self.deliveries if each.destination == destination and each.state in OPEN]

    def _redirect(self, each: Delivery, target: str, now: float) -> None:
        for other in self._unsettled(each.destination):
            other.state, other.redirected, other.wish = "cancelled", True, None
            new = Delivery(other.message, target, other.role, now, now)
            new.look_up = any(old.destination == target and old.attempt for old in other.message.deliveries)
            other.message.deliveries.append(new)
        if each.role == LEAD_ROLE:
            self.lead = target
        else:
            self.copies = [target if name == each.destination else name for name in self.copies]
