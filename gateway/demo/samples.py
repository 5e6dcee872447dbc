"""The samples that a portal may post: what `fixtures/` says is accepted and opens a case."""

import json
import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from gateway.contract.states import Direction
from gateway.domain.calendar import today
from gateway.portal import File, read_file
from gateway.standards import Catalogue

_MESSAGE_ID = re.compile(rb"(<nachrichtenUUID>)[0-9a-f-]{36}(</nachrichtenUUID>)")
_DIALOGUE = "xrueckkanal"


@dataclass(frozen=True, slots=True)
class Sample:
    """One message to post, with an id of its own for this run."""

    name: str
    body: bytes = field(repr=False)
    metadata: str | None
    files: tuple[File, ...]
    test: bool


def load_samples(folder: Path, catalogue: Catalogue) -> list[Sample]:
    """Read every valid sample under `fixtures/` that an applicant would send first."""
    samples = []
    for table in sorted(folder.glob("*/*/cases.yaml")):
        if table.parent.parent.name == _DIALOGUE:
            continue
        for case in yaml.safe_load(table.read_text(encoding="utf-8")):
            if case["expect"] == "accepted":
                samples += _load(table.parent, case, catalogue)
    return samples


def _load(folder: Path, case: dict[str, Any], catalogue: Catalogue) -> list[Sample]:
    path = folder / case["file"]
    body = path.read_bytes()
    incoming = catalogue.read(body, today=today())
    if incoming.message_type.direction is Direction.BACK:
        return []
    fresh = _MESSAGE_ID.sub(rb"\g<1>" + str(uuid.uuid4()).encode() + rb"\g<2>", body, count=1)
    files = tuple(read_file(folder / name) for name in case.get("attachments", []))
    metadata = json.dumps(case["metadata"]) if "metadata" in case else None
    name = f"{incoming.message_type.standard} {incoming.message_type.version} {path.stem}"
    return [Sample(name, fresh, metadata, files, incoming.header.test)]
