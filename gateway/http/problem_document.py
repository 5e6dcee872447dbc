"""A problem as a document: the same over HTTP and on the command line."""

from typing import Any

from gateway.contract.findings import MAX_FINDINGS, Bilingual
from gateway.errors import Problem
from gateway.http.advice import ADVICE


def to_document(problem: Problem, request_id: str) -> dict[str, Any]:
    """Write a problem as RFC 9457 has it, with our extension members."""
    detail = _detail(problem)
    document: dict[str, Any] = {
        "type": f"/problems/{problem.type}",
        "title": problem.title.en,
        "title_de": problem.title.de,
        "status": problem.status,
        "detail": detail.en,
        "detail_de": detail.de,
        "instance": f"urn:uuid:{request_id}",
        "code": problem.code,
        "retryable": problem.retryable,
        "request_id": request_id,
        "findings": [each.model_dump(mode="json") for each in problem.findings[:MAX_FINDINGS]],
        "findings_more": problem.more_findings + max(0, len(problem.findings) - MAX_FINDINGS),
    }
    if problem.message_type:
        document["message_type"] = problem.message_type
    if problem.link:
        document["links"] = {"first": problem.link}
    return document


def _detail(problem: Problem) -> Bilingual:
    """Say what the title does not: what is wrong with this request, or else what to do."""
    return ADVICE[problem.type] if problem.explanation == problem.title else problem.explanation
