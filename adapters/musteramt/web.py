"""The clerk's page: what came in, what to do about it. Server-rendered, readable without JavaScript.

It shows personal data, for it is the office's own application; it listens on the local machine only and asks
for a password. Every answer forbids scripts, frames and caching; a form posted from elsewhere is refused.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from adapters.musteramt import german
from adapters.musteramt.decisions import OUTCOMES, Decision, Outcome
from adapters.musteramt.dossier import Dossier
from adapters.musteramt.guard import Guard
from adapters.musteramt.office import Office
from adapters.musteramt.outline import Line, name_code, outline
from adapters.musteramt.papers import Query
from adapters.musteramt.records import CaseChanged, Document, Outgoing
from adapters.musteramt.register import Register
from gateway.contract.report import ReportType
from gateway.xml.parse import parse
from gateway.xml.text import UnfitText

LOCAL_HOSTS = ("127.0.0.1", "localhost")
WANTED = {
    code: name_code("anlageart", code)
    for code in (
        "ueberlassung",
        "fahrzeugschein",
        "meldebestaetigung",
        "nachweis-verwandtschaft",
        "nachweis-rechtliches-interesse",
        "vollmacht",
        "erlaubnis",
        "sonstiges",
    )
}
"""What can be asked for: codes of the list anlageart."""
_SHOWN = {"all": None, "open": False, "closed": True}
_HERE = Path(__file__).parent
_MAX_FORM_BYTES = 256 * 1024
_ANSWER_DAYS = 14
_UNFIT = "Ein Text ist zu lang oder enthält Zeichen, die nicht übermittelt werden können (DIN 91379). –"
Action = Callable[[Dossier, Mapping[str, str]], Awaitable[None]]


class BadForm(Exception):
    """A form was filled in in a way that cannot be acted on; the text tells the clerk what to do."""


def create_app(register: Register, office: Office, *, secret: str) -> Starlette:
    """Build the clerk's page over a register and what the office can do."""
    pages = _Pages(register, office)
    return Starlette(
        routes=[
            Route("/", pages.index, name="index"),
            Route("/cases/{case_id}", pages.detail, name="case"),
            Route("/cases/{case_id}/{action}", pages.act, methods=["POST"], name="act"),
            Route("/documents/{owner}/{sha256}", pages.document, name="document"),
            Mount("/static", StaticFiles(directory=_HERE / "static"), name="static"),
        ],
        middleware=[
            Middleware(Guard, secret=secret),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(LOCAL_HOSTS), www_redirect=False),
        ],
        exception_handlers={HTTPException: pages.failure},
    )


class _Pages:
    def __init__(self, register: Register, office: Office) -> None:
        self._register = register
        self._office = office
        self._actions: dict[str, Action] = {
            "ask": self._ask,
            "tell": self._tell,
            "decide": self._decide,
            "withdrawal": self._withdrawal,
        }
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters |= {"local": german.moment, "size": german.size}

    async def index(self, request: Request) -> Response:
        show = request.query_params.get("show", "all")
        if show not in _SHOWN:
            raise HTTPException(404)
        cases = await self._register.list_cases(closed=_SHOWN[show])
        return self._render(request, "index.html", cases=cases, show=show)

    async def detail(self, request: Request) -> Response:
        return await self._show(request, await self._get_dossier(request))

    async def act(self, request: Request) -> Response:
        action = self._actions.get(request.path_params["action"])
        if action is None:
            raise HTTPException(404)
        dossier = await self._get_dossier(request)
        async with request.form(max_files=0, max_fields=20, max_part_size=_MAX_FORM_BYTES) as form:
            fields = {name: value.strip() for name, value in form.items() if isinstance(value, str)}
        try:
            if fields.get("version") != str(dossier.case.version):
                raise CaseChanged
            await action(dossier, fields)
        except CaseChanged:
            fresh = await self._get_dossier(request)
            return await self._show(request, fresh, status=409, notice="changed")
        except BadForm as error:
            return await self._show(request, dossier, status=422, notice=str(error))
        except UnfitText as error:
            return await self._show(request, dossier, status=422, notice=f"{_UNFIT} {error}")
        return RedirectResponse(request.url_for("case", case_id=dossier.case.case_id), status_code=303)

    async def document(self, request: Request) -> Response:
        owner, sha256 = request.path_params["owner"], request.path_params["sha256"]
        for document in await self._register.list_documents(owner):
            if document.sha256 == sha256:
                return _download(document)
        raise HTTPException(404)

    async def failure(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        return self._render(request, "failure.html", status=status)

    async def _get_dossier(self, request: Request) -> Dossier:
        dossier = await self._office.fetch_dossier(request.path_params["case_id"])
        if dossier is None:
            raise HTTPException(404)
        return dossier

    async def _show(
        self, request: Request, dossier: Dossier, *, status: int = 200, notice: str | None = None
    ) -> Response:
        received = [
            (each, list(outline(reading.root)), await self._register.list_documents(each.submission_id))
            for each, reading in dossier.received
        ]
        sent = [
            (each, _said(each), await self._register.list_documents(each.report_id))
            for each in await self._register.list_outgoing(dossier.case.case_id)
        ]
        return self._render(
            request,
            "case.html",
            status=status,
            notice=notice,
            dossier=dossier,
            case=dossier.case,
            received=received,
            sent=sent,
            doubts=self._office.doubts(dossier),
            wanted=WANTED,
            outcomes=OUTCOMES[dossier.case.subject],
            answer_by=self._office.today() + timedelta(days=_ANSWER_DAYS),
        )

    async def _ask(self, dossier: Dossier, fields: Mapping[str, str]) -> None:
        wanted = fields.get("wanted") or None
        if wanted not in {None, *WANTED}:
            raise BadForm("Wählen Sie eine Unterlage aus der Liste. – Choose a document from the list.")
        query = Query(_required(fields, "text"), wanted=wanted)
        answer_by = _future_day(fields, "answer_by", self._office.today())
        await self._office.ask(dossier, [query], answer_by=answer_by)

    async def _tell(self, dossier: Dossier, fields: Mapping[str, str]) -> None:
        await self._office.tell(dossier, _required(fields, "subject"), _required(fields, "text"))

    async def _decide(self, dossier: Dossier, fields: Mapping[str, str]) -> None:
        outcome = fields.get("outcome")
        if outcome not in {each.value for each in OUTCOMES[dossier.case.subject]}:
            raise BadForm("Wählen Sie ein Ergebnis. – Choose an outcome.")
        chosen = Outcome(outcome)
        if chosen.needs_reasons and not fields.get("reasons"):
            raise BadForm("Dieses Ergebnis braucht eine Begründung. – This outcome needs reasons.")
        conditions = tuple(line.strip() for line in fields.get("conditions", "").splitlines() if line.strip())
        await self._office.decide(dossier, Decision(chosen, fields.get("reasons", ""), conditions))

    async def _withdrawal(self, dossier: Dossier, fields: Mapping[str, str]) -> None:
        await self._office.confirm_withdrawal(dossier, fields.get("text", ""))

    def _render(self, request: Request, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        page = self._templates.get_template(template)
        return HTMLResponse(page.render(url_for=request.url_for, status=status, **values), status_code=status)


def _said(report: Outgoing) -> list[Line]:
    """List what a report says; the file number is all in its summary and the page's heading."""
    if report.kind is ReportType.CASE_REFERENCE:
        return []
    return list(outline(parse(report.body), without="bezug"))


def _required(fields: Mapping[str, str], name: str) -> str:
    if value := fields.get(name):
        return value
    raise BadForm("Füllen Sie alle Pflichtfelder aus. – Fill in all required fields.")


def _future_day(fields: Mapping[str, str], name: str, today: date) -> date:
    try:
        day = date.fromisoformat(_required(fields, name))
    except ValueError:
        day = today
    if day <= today:
        raise BadForm("Die Frist muss ein Tag in der Zukunft sein. – The deadline must be a day to come.")
    return day


def _download(document: Document) -> Response:
    # Never shown in the page's own origin: an applicant's file is not to be trusted.
    headers = {"Content-Disposition": f'attachment; filename="{document.sha256[:16]}"'}
    return Response(document.data, media_type="application/octet-stream", headers=headers)
