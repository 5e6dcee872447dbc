"""Query parameters that a call does not have are refused, as unknown metadata are.

A misspelt `wait` or `seed` would otherwise look as if it had been heeded. Pages for people let them pass.
"""

from collections.abc import Sequence

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic_core import ErrorDetails

from gateway.contract.findings import MAX_FINDINGS, Bilingual, Finding
from gateway.errors import InvalidRequest
from gateway.http.request_faults import findings_of
from gateway.xml.near import nearest
from gateway.xml.words import meant, possible, together

_CALLS = "/v1/"
_NONE = Bilingual(
    de="Dieser Aufruf nimmt keine Angaben in der Adresse.", en="This call takes no query parameters."
)


async def known_query(request: Request) -> None:
    """Make sure that a call that reads has every query parameter; what takes metadata looks itself.

    Raises:
        InvalidRequest: it has not; with those that it has.
    """
    route = request.scope["route"]
    if request.method != "GET" or not request.query_params or not route.path.startswith(_CALLS):
        return
    assert isinstance(route, APIRoute)  # noqa: S101 there are no others
    known = [each.alias for each in route.dependant.query_params]
    if unknown := [name for name in request.query_params if name not in known]:
        shown = [_finding(name, known) for name in unknown[:MAX_FINDINGS]]
        raise InvalidRequest(findings=shown, more_findings=len(unknown) - len(shown))


def _finding(name: str, known: Sequence[str]) -> Finding:
    fault = ErrorDetails(type="extra_forbidden", loc=(name,), msg="", input=None)
    (finding,) = findings_of([fault], "query")
    near = nearest(name, known)
    hint = together([meant(near) if near else None, possible(known) if known else _NONE])
    return finding.model_copy(update={"hint": hint})
