"""Each call as a line for the shell, as portals and adapters send it."""

from typing import Any

_BEARER = '-H "Authorization: Bearer $TOKEN"'
_FORM = '-F message=@message.xml -F \'metadata={"channel":"online"}\' -F attachment=@vollmacht.pdf'
_BARE = "-H 'Content-Type: application/xml' --data-binary @message.xml"
_QUERY = {
    ("get", "/v1/mailbox"): "?after=42&wait=60",
    ("get", "/v1/submissions/{submission_id}"): "?wait=60",
}


def lines_of(method: str, path: str, call: dict[str, Any]) -> list[str]:
    """Write a call as curl commands, one for each form of its body."""
    bodies = call.get("requestBody", {}).get("content", {})
    address = '"$GATEWAY' + path.replace("{", "$").replace("}", "").replace("$name", "$DESTINATION")
    address += _QUERY.get((method, path), "")
    if "multipart/form-data" in bodies:
        return [_line(_BEARER, _FORM, f'{address}"'), _line(_BEARER, _BARE, f'{address}?channel=online"')]
    return [_line(_credentials(call), _body(method, bodies, call), f'{address}"')]


def _line(*words: str) -> str:
    return " ".join(["curl", *(word for word in words if word)])


def _credentials(call: dict[str, Any]) -> str:
    schemes = {name for each in call.get("security", []) for name in each}
    if "client_secret_basic" in schemes:
        return '-u "$CLIENT_ID:$SECRET"'
    return _BEARER if schemes else ""


def _body(method: str, bodies: dict[str, Any], call: dict[str, Any]) -> str:
    if "application/x-www-form-urlencoded" in bodies:
        return "-d grant_type=client_credentials"
    if method == "put":
        return "-H 'Content-Type: application/pdf' -T bescheid.pdf"
    if method == "post":
        return "-X POST"
    if any(parameter["name"] == "If-None-Match" for parameter in call.get("parameters", ())):
        return '-H "If-None-Match: $ETAG"'
    return "-o anlage.pdf" if "application/octet-stream" in str(call["responses"].get("200")) else ""
