"""The base class of every adapter, and what an adapter is given."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adapters.kit.case_reports import CaseReports
from adapters.kit.documents import Documents
from adapters.kit.work import Work
from gateway.contract.delivery import Delivery
from gateway.contract.report import Accepted


@dataclass(frozen=True, slots=True)
class Context:
    """What an adapter may use; one a process and destination.

    `options` are the destination's own in config.yaml; `data_dir` is a folder that nobody else uses.
    """

    destination: str
    options: Mapping[str, Any]
    data_dir: Path
    reports: CaseReports
    documents: Documents


class Adapter(ABC):
    """One specialist application, created once per process and destination."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def check_config(self) -> list[str]:
        """Return a sentence about each thing that is wrong with the options; called before `start`."""
        return []

    async def start(self) -> None:
        """Begin background work (a web page, a poll); called once, before the first delivery."""
        return

    async def stop(self) -> None:
        """End background work; called once, after the last delivery. Close what `start` opened."""
        return

    @abstractmethod
    async def deliver(self, delivery: Delivery, work: Work) -> Accepted:
        """Hand one submission to the application.

        Called once at a time for each delivery, and again after a crash: whatever must not happen twice
        belongs into a `work.step`.

        Raises:
            Transient: the application was not reached; nothing happened.
            Refused: the authority refuses the applicant.
            OutcomeUnknown: it may have happened: `find` is asked before the next attempt.
            Exception: any other ends as failed, for an operator.
        """

    @abstractmethod
    async def find(self, delivery: Delivery) -> Accepted | None:
        """Look up whether the application already has `delivery.submission_id`.

        Called before `deliver` whenever an earlier attempt may have taken effect.

        Raises:
            Transient: the application cannot be asked now.
        """
