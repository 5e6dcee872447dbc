"""The adapter kit: what connects one specialist application to the gateway.

An adapter subclasses `Adapter` and implements `deliver` and `find`; the kit does the rest: it claims each
delivery in its own store, remembers finished steps, bounds the time, stores every report before it is
sent and sends it until the broker has confirmed it. How to write one: docs/adapter-guide.md.
"""

from adapters.kit.adapter import Adapter, Context
from adapters.kit.case_reports import CaseReports
from adapters.kit.documents import Documents
from adapters.kit.errors import OutcomeUnknown, Refused, Transient
from adapters.kit.gateway_client import AttachmentInfo
from adapters.kit.steps import Step
from adapters.kit.work import Work
from gateway.contract.report import Accepted

__all__ = [
    "Accepted",
    "Adapter",
    "AttachmentInfo",
    "CaseReports",
    "Context",
    "Documents",
    "OutcomeUnknown",
    "Refused",
    "Step",
    "Transient",
    "Work",
]
