"""The message that every round posts, with an id of its own each time."""

import re
import uuid
from collections.abc import Callable

from gateway.settings import data_folder

SAMPLE = data_folder("fixtures") / "xurkunde" / "1.1" / "valid" / "07-registerausdruck-ahnenforschung.xml"
SCHEMA = data_folder("schemas") / "xurkunde" / "1.1" / "xurkunde.xsd"
SERVICE = "99900000000101"
STALLED_SERVICE = "99900000000102"
AUTHORITY = "psw:99102101"

_ID = re.compile(rb"(?<=<nachrichtenUUID>)[^<]+")


def message_maker() -> Callable[[], bytes]:
    """Return what makes the next message: the sample, with a new nachrichtenUUID."""
    before, after = _ID.split(SAMPLE.read_bytes(), maxsplit=1)
    return lambda: before + str(uuid.uuid4()).encode() + after
