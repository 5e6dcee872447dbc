"""What a caller wants to read: JSON, or the XML of the back channel."""

from fastapi import Request

XML = "application/xml"
_JSON = ("application/json", "application/problem+json")


def wants_xml(request: Request) -> bool:
    """Say whether the caller prefers XML; without a word on either, it gets JSON."""
    accept = request.headers.get("accept", "")
    if "xml" not in accept:
        return False
    qualities = dict(_quality(each) for each in accept.lower().split(","))
    xml = max(qualities.get(XML, 0.0), qualities.get("text/xml", 0.0))
    return xml > max(qualities.get(each, 0.0) for each in _JSON)


def _quality(item: str) -> tuple[str, float]:
    media_type, *parameters = (part.strip() for part in item.split(";"))
    stated = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return media_type, float(stated)
    except ValueError:
        return media_type, 0.0
