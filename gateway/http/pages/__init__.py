"""The pages for people: readable without script, and without anything from elsewhere."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from fastapi import Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

_FOLDER = Path(__file__).parent
_CODE = re.compile(r"`([^`]+)`")
_STYLE = (_FOLDER / "style.css").read_text(encoding="utf-8")
_POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(_STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def _to_text(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2, ensure_ascii=False)


def _to_prose(text: str) -> Markup:
    """Show what stands between backticks as code; everything else is text."""
    return Markup(_CODE.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 escaped before


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"to_text": _to_text, "to_prose": _to_prose}


def render(template: str, **values: Any) -> Response:
    """Answer with a page."""
    page = _ENVIRONMENT.get_template(template).render(style=_STYLE, **values)
    headers = {"Content-Security-Policy": _POLICY}
    return Response(page, media_type="text/html", headers=headers)
