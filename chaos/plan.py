"""What a run does, all of it from the seed: how much is sent, what goes wrong, and when.

The order of what the operating system does in between is not the seed's to decide; the same seed repeats the
same messages, mishaps and faults at the same points of the load.
"""

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from chaos.messages import stable_id
from chaos.office import Mishap

REGISTER, DMS, ANNEX = "register", "dms", "dms-annex"
GATEWAYS = ("gateway-1", "gateway-2")


class Kind(StrEnum):
    """A fault from outside."""

    KILL_GATEWAY = "kill gateway"
    STOP_GATEWAY = "stop gateway"
    KILL_WORKER = "kill worker"
    KILL_NODE = "kill one RabbitMQ node"
    KILL_RABBITMQ = "kill RabbitMQ"
    LOSE_DISK = "lose RabbitMQ's disk"
    KILL_POSTGRESQL = "kill PostgreSQL"
    CUT = "cut connections"
    SLOW = "delay connections"
    HOLE = "leave connections hanging"
    FILL = "fill a queue to its limit"
    RETRY = "retry as an operator"
    REDIRECT = "redirect as an operator"


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: it begins when so many applications were begun, and takes so long."""

    at: int
    kind: Kind
    target: str
    seconds: float

    def __str__(self) -> str:
        """Say it on one line."""
        return f"at {self.at:>6}: {self.kind} {self.target} ({self.seconds:.1f} s)"


@dataclass(frozen=True, slots=True)
class Form:
    """How large a run is, and how patient the installation.

    `settings` shorten leases so that what was lost comes back within the run; their order is the product's:
    a copy expires before its lease ends, and a publish is bounded by the lease that covers it.
    """

    applications: int
    faults: int
    at_once: int
    nodes: int
    register_workers: int
    mishaps_each: int
    follow_up_share: float
    settle_s: float
    quiet_s: float
    settings: dict[str, str] = field(default_factory=dict)


SHORT = Form(
    applications=200,
    faults=0,
    at_once=6,
    nodes=1,
    register_workers=1,
    mishaps_each=1,
    follow_up_share=0.2,
    settle_s=90,
    quiet_s=2,
    settings={
        "AMTSBOTE_COPY_LIFETIME_S": "12",
        "AMTSBOTE_LEASE_S": "16",
        "AMTSBOTE_PUBLISH_LEASE_S": "8",
        "AMTSBOTE_BROKER_TIMEOUT_S": "5",
        "AMTSBOTE_STORE_TIMEOUT_S": "5",
    },
)
LONG = Form(
    applications=20_000,
    faults=64,
    at_once=24,
    nodes=3,
    register_workers=2,
    mishaps_each=8,
    follow_up_share=0.05,
    settle_s=900,
    quiet_s=20,
    settings={
        "AMTSBOTE_COPY_LIFETIME_S": "40",
        "AMTSBOTE_LEASE_S": "60",
        "AMTSBOTE_PUBLISH_LEASE_S": "10",
        "AMTSBOTE_BROKER_TIMEOUT_S": "8",
        "AMTSBOTE_STORE_TIMEOUT_S": "8",
    },
)

PROVOKED = Form(
    applications=36,
    faults=0,
    at_once=6,
    nodes=1,
    register_workers=1,
    mishaps_each=12,
    follow_up_share=0.1,
    settle_s=25,
    quiet_s=0,
    settings=SHORT.settings
    | {
        "AMTSBOTE_COPY_LIFETIME_S": "6",
        "AMTSBOTE_LEASE_S": "9",
    },
)
"""What provokes one mutation: a minute in the worst case, and nothing but what is needed."""

# What is heavy is rare: each takes the whole town down for a while.
_WEIGHTS = {
    Kind.KILL_GATEWAY: 10,
    Kind.STOP_GATEWAY: 4,
    Kind.KILL_WORKER: 10,
    Kind.KILL_NODE: 4,
    Kind.KILL_RABBITMQ: 1,
    Kind.LOSE_DISK: 1,
    Kind.KILL_POSTGRESQL: 5,
    Kind.CUT: 8,
    Kind.SLOW: 5,
    Kind.HOLE: 5,
    Kind.FILL: 3,
    Kind.RETRY: 3,
    Kind.REDIRECT: 3,
}
_SECONDS = {
    Kind.KILL_GATEWAY: (0.0, 2.0),
    Kind.KILL_WORKER: (0.0, 3.0),
    Kind.KILL_NODE: (1.0, 8.0),
    Kind.KILL_RABBITMQ: (0.0, 4.0),
    Kind.LOSE_DISK: (0.0, 2.0),
    Kind.KILL_POSTGRESQL: (0.0, 3.0),
    Kind.CUT: (0.2, 4.0),
    Kind.SLOW: (2.0, 5.0),
    Kind.HOLE: (2.0, 6.0),
    Kind.FILL: (3.0, 5.0),
}

_IN_DMS = (
    Mishap.TRANSIENT,
    Mishap.UNKNOWN_BEFORE,
    Mishap.UNKNOWN_AFTER,
    Mishap.HANG_AFTER,
    Mishap.DIE_AFTER,
    Mishap.CRASH_AFTER,
)


class Plan:
    """Everything that is decided before a run begins.

    Args:
        kinds: which faults may happen; each does at least once.
        mishaps: which mishaps may happen in the offices; likewise.
    """

    def __init__(
        self,
        seed: int,
        form: Form,
        kinds: Sequence[Kind] = tuple(Kind),
        mishaps: Sequence[Mishap] = tuple(Mishap),
    ) -> None:
        self.seed, self.form = seed, form
        self.kinds = [kind for kind in kinds if kind is not Kind.KILL_NODE or form.nodes > 1]
        rng = self.rng("plan")
        self.follow_ups = {
            number: rng.choice((1, 1, 2, 3))
            for number in range(form.applications)
            if rng.random() < form.follow_up_share
        }
        self.invalid = {number for number in range(form.applications) if rng.random() < 0.01} or {0}
        # What failed for good comes back by an operator's retry only.
        possible = [each for each in mishaps if Kind.RETRY in self.kinds or "crash" not in each]
        self.mishaps = {
            REGISTER: self._mishaps(rng, possible, form.applications),
            DMS: self._mishaps(rng, [each for each in possible if each in _IN_DMS], form.applications),
        }
        self.faults = self._faults(rng)

    def rng(self, *names: object) -> random.Random:
        """Return a source of its own for one purpose, so that no two disturb each other."""
        return random.Random(f"{self.seed}/{'/'.join(map(str, names))}")  # noqa: S311 to be repeated

    def describe(self) -> str:
        """Say on several lines what will go wrong."""
        counts = Counter(each for office in self.mishaps.values() for each in office.values())
        mishaps = ", ".join(f"{count} × {name}" for name, count in sorted(counts.items()))
        return "\n".join([*map(str, self.faults), f"mishaps in the offices: {mishaps}"])

    def _mishaps(self, rng: random.Random, kinds: Sequence[Mishap], applications: int) -> dict[str, str]:
        """Give each kind to as many messages as the form says."""
        numbers = [number for number in range(applications) if number not in self.invalid]
        chosen = rng.sample(numbers, min(len(kinds) * self.form.mishaps_each, len(numbers)))
        found = {}
        for position, number in enumerate(chosen):
            kind = kinds[position % len(kinds)]
            # Now and then it is a follow-up that meets with it.
            place = rng.randint(0, self.follow_ups.get(number, 0))
            found[stable_id("chaos", self.seed, number, place)] = kind.value
        return found

    def _faults(self, rng: random.Random) -> list[Fault]:
        more = max(0, self.form.faults - len(self.kinds)) if self.kinds else 0
        weights = [_WEIGHTS[kind] for kind in self.kinds]
        kinds = [*self.kinds, *(rng.choices(self.kinds, weights, k=more) if more else ())]
        rng.shuffle(kinds)
        gap = self.form.applications * 0.9 / max(1, len(kinds))
        return [
            self._fault(rng, kind, int(gap * (position + 0.3 + 0.5 * rng.random())))
            for position, kind in enumerate(kinds)
        ]

    def _fault(self, rng: random.Random, kind: Kind, at: int) -> Fault:
        low, high = _SECONDS.get(kind, (0.0, 0.0))
        target = rng.choice(list(self._targets(kind)))
        return Fault(at, kind, target, rng.uniform(low, high))

    def _targets(self, kind: Kind) -> Iterable[str]:
        workers = [*(f"{REGISTER}-{n + 1}" for n in range(self.form.register_workers)), DMS]
        match kind:
            case Kind.KILL_GATEWAY | Kind.STOP_GATEWAY:
                return GATEWAYS
            case Kind.KILL_WORKER:
                return workers
            case Kind.KILL_NODE:
                return [str(number) for number in range(self.form.nodes)]
            case Kind.CUT | Kind.SLOW | Kind.HOLE:
                servers = ("rabbitmq", "postgresql")
                return [
                    *(f"{gateway} {server}" for gateway in GATEWAYS for server in servers),
                    *(f"{worker} rabbitmq" for worker in workers),
                ]
            case Kind.FILL:
                return (DMS, REGISTER)
            case Kind.RETRY | Kind.REDIRECT:
                return (DMS,)
            case _:
                return ("",)


def provoke(mutation: str, seed: int) -> Plan:
    """Return a plan that brings a mutation of the product to light quickly."""
    match mutation:
        case "outbox-outside-transaction" | "ack-before-claim":
            # Far enough apart that the gateway is back, and has something in hand, when it is killed again.
            return Plan(seed, replace(PROVOKED, applications=120, faults=4), [Kind.KILL_GATEWAY], [])
        case "no-fence":
            return Plan(seed, PROVOKED, [], [Mishap.LATE])
        case "report-without-id":
            return Plan(seed, PROVOKED, [], [Mishap.UNKNOWN_DECIDED])
        case _:
            # Both gateways must number letters at the same moment, again and again.
            return Plan(seed, replace(PROVOKED, applications=240, at_once=24, settle_s=60), [], [])
