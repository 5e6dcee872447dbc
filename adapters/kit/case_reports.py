"""Reports about a case, at any time after its submission was taken over: minutes or months later."""

from collections.abc import Callable
from datetime import datetime

from adapters.kit.clock import utc_now
from adapters.kit.store import AdapterStore
from gateway.contract.ids import new_id
from gateway.contract.report import Reference, Report, ReportType


class CaseReports:
    """Stores reports about cases and leaves the sending to the kit.

    Every method returns the report's id as soon as the report is durable, and changes nothing when the
    `report_id` is known: give one whenever the call may be repeated after a crash. Reports of one case
    reach the gateway in the order in which they were made.
    """

    def __init__(self, store: AdapterStore, *, now: Callable[[], datetime] = utc_now) -> None:
        self._store = store
        self._now = now

    async def reference(
        self,
        case_id: str,
        *,
        aktenzeichen: str,
        kassenzeichen: str | None = None,
        contact: str | None = None,
        report_id: str | None = None,
    ) -> str:
        """Tell under which reference numbers the authority keeps the case."""
        body = Reference(aktenzeichen=aktenzeichen, kassenzeichen=kassenzeichen, contact=contact)
        content = body.model_dump_json(exclude_none=True).encode()
        return await self._store_report(ReportType.CASE_REFERENCE, case_id, content, report_id)

    async def status(self, case_id: str, xml: bytes, *, report_id: str | None = None) -> str:
        """Tell where the case stands: `xml` is a status (1120) of xrueckkanal."""
        return await self._store_report(ReportType.CASE_STATUS, case_id, xml, report_id)

    async def query(self, case_id: str, xml: bytes, *, report_id: str | None = None) -> str:
        """Ask the applicant: `xml` is a rueckfrage (1130) of xrueckkanal."""
        return await self._store_report(ReportType.CASE_QUERY, case_id, xml, report_id)

    async def decision(self, case_id: str, xml: bytes, *, report_id: str | None = None) -> str:
        """Decide: `xml` is a bescheid (1150) or an ergebnis (1151) of xrueckkanal."""
        return await self._store_report(ReportType.CASE_DECISION, case_id, xml, report_id)

    async def message(self, case_id: str, xml: bytes, *, report_id: str | None = None) -> str:
        """Send anything else of xrueckkanal that goes to the applicant."""
        return await self._store_report(ReportType.CASE_MESSAGE, case_id, xml, report_id)

    async def _store_report(self, kind: ReportType, case_id: str, body: bytes, report_id: str | None) -> str:
        report = Report(
            report_id=report_id or new_id(),
            type=kind,
            destination=self._store.destination,
            case_id=case_id,
            created_at=self._now(),
            body=body,
        )
        await self._store.add_case_report(report)
        return report.report_id
