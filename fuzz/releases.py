"""Releases that are not as they should be, and what `amtsbote standards add` makes of them.

Only ConfigurationError may come out; then nothing was added. What was added can be loaded and compiled.
"""

import shutil
import stat
import time
import traceback
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from lxml import etree
from structlog.testing import capture_logs

from fuzz.campaign import Violation
from fuzz.oracle import raised
from fuzz.seeds import PROBE
from gateway.errors import ConfigurationError
from gateway.standards import Catalogue
from gateway.standards.adding import add
from gateway.standards.serving import remove
from gateway.xml.schematron import compile_schematron
from tests.unit.standards import release
from tests.unit.standards.test_scenarios import RULES, SCENARIOS, USUAL

MAX_S = 20.0
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Changed:
    """A release as an archive, and how it was changed."""

    archive: bytes
    history: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Changed({', '.join(self.history)}; {len(self.archive)} bytes)"


@dataclass
class ReleaseOracle:
    """Adds releases to standards in a folder of its own, where the shared types of the fixtures are."""

    folder: Path
    outcomes: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0

    def __post_init__(self) -> None:
        self._target = self.folder / "standards"
        self._target.mkdir()
        add(release.write(self.folder / "gemeinsames", release.shared_files()), self._catalogue, self._target)

    @property
    def account(self) -> str:
        """Say what became of the releases."""
        outcomes = ", ".join(f"{count} {name}" for name, count in self.outcomes.most_common())
        return f"  {outcomes}; the slowest took {self.slowest_s:.1f} s"

    @property
    def _catalogue(self) -> Catalogue:
        return Catalogue.load([self._target])

    def check(self, changed: Changed) -> list[Violation]:
        """Return what adding a release breaks."""
        source = self.folder / "xhund-2.3.zip"
        source.write_bytes(changed.archive)
        before = self._files()
        with capture_logs():
            began = time.perf_counter()
            violations = [*self._add(source)]
            seconds = time.perf_counter() - began
            self.slowest_s = max(self.slowest_s, seconds)
            if seconds > MAX_S:
                violations.append(Violation("adding takes more than 20 seconds", f"{seconds:.0f} s"))
            self._clean_up(before)
        return violations

    def _add(self, source: Path) -> Iterator[Violation]:
        before = self._files()
        try:
            report = add(source, self._catalogue, self._target)
        except ConfigurationError:
            self.outcomes["refused"] += 1
            if self._files() != before:
                yield Violation("something is left of what was refused", str(self._files() - before))
        except Exception as error:  # that is what is looked for
            self.outcomes[type(error).__name__] += 1
            yield Violation(f"adding raises {raised(error)}", "".join(traceback.format_exception(error)))
        else:
            self.outcomes["added"] += 1
            yield from self._require_usable(report.folder)

    def _require_usable(self, folder: Path | None) -> Iterator[Violation]:
        if folder is None or not folder.is_relative_to(self._target):
            yield Violation("it was added elsewhere", str(folder))
        try:
            self._catalogue.check()
        except Exception as error:  # likewise
            yield Violation(
                f"what was added raises {raised(error)}", "".join(traceback.format_exception(error))
            )

    def _files(self) -> set[Path]:
        return set(self._target.rglob("*"))

    def _clean_up(self, before: set[Path]) -> None:
        with suppress(ConfigurationError):
            for standard in self._catalogue.standards:
                if standard.folder not in before:
                    remove(standard.folder, self._target)
        for path in sorted(self._files() - before, reverse=True):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@cache
def _bases() -> list[dict[str, bytes]]:
    """The made-up release with rules, as a configuration of the KoSIT validator, and the probe."""
    with_rules = release.files() | {"regeln/hund.sch": RULES}
    folder = Path(__file__).parent
    path = folder / "hund.sch"
    path.write_text(RULES, "utf-8")
    try:
        compiled = compile_schematron(path, folder).text
    finally:
        path.unlink()
    levels = '<customLevel level="warning">HUND-1</customLevel>'
    scenarios = SCENARIOS.format(levels=levels, accept=USUAL)
    configured = release.files() | {"scenarios.xml": scenarios, "hund.xsl": compiled}
    probe = {path.name: path.read_text("utf-8") for path in PROBE.iterdir() if path.suffix != ".yaml"}
    return [{name: text.encode() for name, text in each.items()} for each in (with_rules, configured, probe)]


@st.composite
def changed(draw: Draw) -> Changed:
    """Take a release, change some of its files, and pack it in some way or other."""
    files = dict(draw(st.sampled_from(_bases())))
    edits = [draw(st.sampled_from(_EDITS)) for _ in range(draw(st.sampled_from([1, 1, 2, 4])))]
    for edit in edits:
        edit(files, draw)
    way = draw(st.sampled_from(_WAYS))
    return Changed(way(files, draw), (*(each.__name__ for each in edits), way.__name__))


def _tree(files: dict[str, bytes], draw: Draw) -> tuple[str, etree._Element] | None:
    name = draw(st.sampled_from(sorted(files)))
    try:
        return name, etree.fromstring(files[name])
    except etree.XMLSyntaxError:
        return None


def change_attribute(files: dict[str, bytes], draw: Draw) -> None:
    """Give an attribute another value: of the same file, or one that is hard to take."""
    if found := _tree(files, draw):
        name, root = found
        places = [(element, key) for element in root.iter("*") for key in element.attrib]
        if places:
            element, key = draw(st.sampled_from(places))
            same = sorted({str(other.get(key)) for other, its in places if its == key})
            values = {
                "value": _PATTERNS,
                "test": _XPATHS,
                "context": _XPATHS,
                "select": _XPATHS,
                "match": _XPATHS,
            }
            element.set(key, draw(st.sampled_from([*same, *values.get(key, ()), *_NAMES])))
            files[name] = etree.tostring(root)


def change_text(files: dict[str, bytes], draw: Draw) -> None:
    """Give an element another text."""
    if found := _tree(files, draw):
        name, root = found
        draw(st.sampled_from(list(root.iter("*")))).text = draw(st.sampled_from([*_NAMES, *_XPATHS]))
        files[name] = etree.tostring(root)


def change_elements(files: dict[str, bytes], draw: Draw) -> None:
    """Drop, repeat, rename or move an element."""
    if found := _tree(files, draw):
        name, root = found
        elements = list(root.iter("*"))
        element, other = draw(st.sampled_from(elements)), draw(st.sampled_from(elements))
        kind = draw(st.sampled_from(["drop", "repeat", "rename", "move"]))
        parent = element.getparent()
        if kind == "rename":
            element.tag = other.tag
        elif parent is not None and kind == "drop":
            parent.remove(element)
        elif parent is not None and kind == "repeat":
            parent.extend([deepcopy(element) for _ in range(draw(st.sampled_from([1, 3])))])
        elif parent is not None and other not in element.iter():
            other.append(element)
        files[name] = etree.tostring(root)


def change_bytes(files: dict[str, bytes], draw: Draw) -> None:
    """Put other bytes into a file, or words that open something."""
    name = draw(st.sampled_from(sorted(files)))
    body = files[name]
    place = draw(st.integers(0, len(body)))
    files[name] = (
        body[:place] + draw(st.one_of(st.binary(max_size=4), st.sampled_from(_WORDS))) + body[place:]
    )


def declare_entities(files: dict[str, bytes], draw: Draw) -> None:
    """Begin a file with a DOCTYPE."""
    name = draw(st.sampled_from(sorted(files)))
    files[name] = draw(st.sampled_from(_DOCTYPES)) + files[name].partition(b"?>")[2]


def rename_file(files: dict[str, bytes], draw: Draw) -> None:
    """Call a file otherwise, so that it is something else, somewhere else, or there twice."""
    name = draw(st.sampled_from(sorted(files)))
    other = draw(st.sampled_from([*sorted(files), *_FILES, name.upper(), f"tiefer/{name}"]))
    files[other] = files[name] if draw(st.booleans()) else files.pop(name)


def swap_files(files: dict[str, bytes], draw: Draw) -> None:
    """Let two files have each other's content."""
    one, other = draw(st.sampled_from(sorted(files))), draw(st.sampled_from(sorted(files)))
    files[one], files[other] = files[other], files[one]


def drop_file(files: dict[str, bytes], draw: Draw) -> None:
    """Leave a file out."""
    files.pop(draw(st.sampled_from(sorted(files))), None)
    files.setdefault("rest.xml", b"<rest/>")


def packed(files: dict[str, bytes], draw: Draw) -> bytes:
    """Pack it as usual."""
    return _zipped(files)


def packed_within(files: dict[str, bytes], draw: Draw) -> bytes:
    """Pack it into archives within archives."""
    inner = _zipped(files)
    for _ in range(draw(st.integers(1, 3))):
        inner = _zipped({"innen.zip": inner})
    return inner


def packed_badly(files: dict[str, bytes], draw: Draw) -> bytes:
    """Pack it, and change bytes of the archive itself."""
    whole = bytearray(_zipped(files))
    for _ in range(draw(st.integers(1, 4))):
        # The directory at the end is where most of what matters stands.
        place = len(whole) - 1 - draw(st.integers(0, min(len(whole) - 1, 1500)))
        whole[place] = draw(st.integers(0, 255))
    return bytes(whole[: draw(st.sampled_from([len(whole), len(whole), len(whole) // 2]))])


def packed_with_attributes(files: dict[str, bytes], draw: Draw) -> bytes:
    """Pack it with entries that are links, devices, folders or encrypted."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, body in files.items():
            entry = zipfile.ZipInfo(name)
            kind = draw(
                st.sampled_from([stat.S_IFREG, stat.S_IFREG, stat.S_IFLNK, stat.S_IFDIR, stat.S_IFIFO])
            )
            entry.external_attr = (kind | 0o644) << 16
            file.writestr(
                entry,
                body,
                draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])),
            )
    return buffer.getvalue()


def _zipped(files: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=zlib.Z_BEST_SPEED) as file:
        for name, body in files.items():
            file.writestr(zipfile.ZipInfo(name), body)
    return buffer.getvalue()


_EDITS = (
    change_attribute, change_attribute, change_attribute, change_text, change_elements, change_elements,
    change_bytes,
    declare_entities, rename_file, swap_files, drop_file,
)  # fmt: skip
_WAYS = (packed, packed, packed, packed, packed_within, packed_badly, packed_with_attributes)
_NAMES = (
    "", " ", "x", "xs:int", "xs:nichts", "p:nichts", "a:b:c", "ä", "1", "-1", "0", "unbounded", "100000",
    "4294967296",
    "99999999999999999999", "true", "xs:string", "urn:x y", "http://[", "../../../etc/passwd",
    "file:///etc/passwd", "#", "*",
    "x" * 5000, "http://www.w3.org/2001/XMLSchema", "urn:amtsbote:xhund:2.3", "xhund.xsd", "#ALL", "lax",
    "skip", "qualified",
    "2.3/../..", ".", "..", "xhund 2.3", "\u202e", "a\nb", "{}", "xslt2", "xslt", "warning", "string(", "$x",
)  # fmt: skip
_PATTERNS = (
    "", "(", "[", "[z-a]", "\\", "\\p{Nichts}", "(a+)+b", "(a{1000}){1000}", "a{99999}",
    "((a{0,300}){0,300}){0,300}", "[a-z-[aeiou]]",
    "\\i\\c*", "(" * 2000, "a|" * 5000, ".{0,100000}", "\u0301*", "(?i)a", "^a$",
)  # fmt: skip
_XPATHS = (
    "", "(", "//", ".", "@*", "text()", "/", "//node()", "1 div 0", "$nichts", "nichts()", "x:y",
    "doc('file:///etc/passwd')",
    "unparsed-text('/etc/passwd')", "document('')", "system-property('xsl:vendor')", "error()", "1 to 3",
    "count(1 to 1000000000)",
    "(" * 3000, "a" * 5000, "a[" * 500, "matches(., '(')", "xs:date(.)", "current-dateTime()",
    "some $x in * satisfies $x", "'", "{", "a |",
    "ancestor::*", "*:x", "Q{urn:x}y", "key('k', .)", "environment-variable('PATH')",
    "for $i in 1 to 100000000 return $i", "element(*)",
)  # fmt: skip
_WORDS = (
    b"<",
    b"&",
    b"]]>",
    b"<!--",
    b"<?x",
    b"<![CDATA[",
    b"\x00",
    b"<xs:schema>",
    b"&amp;",
    b"&x;",
    b"</",
    b"\xff\xfe",
    b"'",
)
_DOCTYPES = (
    b"<!DOCTYPE x>", b'<!DOCTYPE x SYSTEM "file:///etc/passwd">', b'<!DOCTYPE x [<!ENTITY e "text">]>',
    b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', b'<?xml version="1.1"?>',
    b'<?xml version="1.0" encoding="UTF-16"?>',
    b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;">]>',
)  # fmt: skip
_FILES = (
    "standard.yaml", "../standard.yaml", "/etc/x.xsd", "C:\\x.xsd", "a/../x.xsd", "x" * 250 + ".xsd",
    "scenarios.xml", "x.zip", "x.sch",
    "imported/x.xsd", ".x.xsd", "a/b/c/d/e/f.xsd", "x.xsd/y.xsd", "xsd", "ä.xsd", "a b.xsd", "x\ny.xsd",
    "#.xsd", "%2e%2e.xsd", "?.xsd",
)  # fmt: skip
