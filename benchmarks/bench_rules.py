"""What business rules cost: a whole `Catalogue.read` of a message of 60 kB with several hundred rules, warm.

The message is a sample of xparken with more applicants. The rules are made up: 20 patterns of 20 rules, each
for another element, with tests of the kinds that published rules have. One in fourteen has a regular
expression; of the 60 tests that XBau 2.6, XSchule and XHochschule publish 4 have one, of the 1,034 that
EN 16931 (UBL) and XRechnung have, 6. A third of the patterns are about elements that each applicant has, so
that 4.5 tests are made for an element of the message. Published ones make 0.04 (XSchule) to 2.3 (EN 16931, on
an invoice of 60 kB), whose tests are heavier: its 979 rules take not quite twice the time of these 400.
Other files can be named.

    python -m benchmarks.bench_rules [--calls 400] [--rules rules.sch … --file message.xml]
"""

import argparse
import datetime
import re
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.core import Timed, milliseconds, one_core, time_call, whole
from benchmarks.figures import percentile
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import parse
from gateway.xml.rules import RuleFile, Rules

SAMPLE = data_folder("fixtures") / "xparken" / "1.0" / "valid" / "01-neu-online.xml"
MESSAGE_BYTES = 60_000
PATTERNS = 20
_WARM = 20
"""Calls that come first and do not count."""
TODAY = datetime.date(2026, 6, 1)

_ONCE = (
    "p:rahmen", "leser", "autor", "b:einwilligung", "b:zahlung", "b:antwortkanal", "p:hauptwohnung", "p:zone",
    "p:fahrzeug", "p:zeitraum",
)  # fmt: skip
_LEAVES_ONCE = (
    "b:leistung", "b:referenz", "b:antragsdatum", "b:textfassung", "b:betrag", "b:waehrung",
    "b:kassenzeichen", "b:transaktion", "p:kennzeichen", "p:von",
)  # fmt: skip

_HEAD = """<schema xmlns="http://purl.oclc.org/dsdl/schematron" queryBinding="xslt2">
<ns prefix="p" uri="urn:amtsbote:xparken:1.0"/><ns prefix="b" uri="urn:amtsbote:xbasis:1.0"/>"""
_PARENTS = (
    "p:beteiligter", "b:rolle", "b:natuerlichePerson", "b:geburtsdatum", "b:geburtsort",
    "b:staatsangehoerigkeit", "b:anschrift", "b:inland", "b:identifizierung", "kanal",
)  # fmt: skip
_ABOUT_PARENTS = (
    "exists(ancestor::p:bewohnerparken.antrag.0101/p:zone[code = ('MS-A', 'MS-B')])",
    "if (code = ('001', '002')) then exists(../b:familienname) else true()",
    "count(*) le 20 and not(@unbekannt)",
    "every $each in .//b:id satisfies string-length($each) le 50",
)
_LEAVES = (
    "b:familienname", "b:vornamen", "b:rufname", "b:strasse", "b:hausnummer", "b:plz", "b:ort", "b:ars",
    "b:vertrauensniveau", "kennung",
)  # fmt: skip
_ABOUT_LEAVES = (
    "string-length(normalize-space(.)) le 120",
    "matches(., '^\\S(.*\\S)?$')",
    "not(. = '') and (../b:plz or not(../b:postfach))",
    "not(contains(., 'ZZZ')) or ancestor::p:beteiligter/b:rolle/code = 'antragsteller'",
    "not(not(*) and normalize-space(.) = '')",
    "count(../b:plz) le 1",
    "(exists(../b:plz) and ends-with(../code, 'unbekannt')) or not(ends-with(../code, 'unbekannt'))",
)


def long_message() -> bytes:
    """Return the sample with so many applicants that it has 60 kB."""
    body = SAMPLE.read_bytes()
    return with_applicants(1 + -(-(MESSAGE_BYTES - len(body)) // len(applicant(body))))


def applicant(body: bytes) -> bytes:
    """Return the applicant of the sample."""
    [person] = re.findall(rb"  <p:beteiligter>\n    <b:id>.*?</p:beteiligter>\n", body, re.DOTALL)
    return bytes(person)


def with_applicants(count: int, change: Callable[[bytes], bytes] = bytes) -> bytes:
    """Return the sample with so many applicants; all but the first are changed."""
    body = SAMPLE.read_bytes()
    person = applicant(body)
    others = [change(person).replace(b">B1<", b">B%d<" % number) for number in range(2, count + 1)]
    return body.replace(person, b"".join([person, *others]))


def many_rules() -> str:
    """Return a schema with a few hundred rules."""
    patterns = []
    for pattern in range(PATTERNS):
        parents, leaves = (_ONCE, _LEAVES_ONCE) if pattern % 3 else (_PARENTS, _LEAVES)
        kinds = [(parents, _ABOUT_PARENTS), (leaves, _ABOUT_LEAVES)]
        rules = [
            f'<rule context="{context}"><assert id="R-{pattern}-{context}" '
            f'test="{tests[(pattern + number) % len(tests)]}">Regel</assert></rule>'
            for contexts, tests in kinds
            for number, context in enumerate(contexts)
        ]
        patterns.append(f'<pattern id="p{pattern}">{"".join(rules)}</pattern>')
    return f"{_HEAD}{''.join(patterns)}</schema>"


def write_standard(schemas: Path) -> Path:
    """Write our standards with as many rules for the sample's, and return the folder of that one."""
    shutil.copytree(data_folder("schemas"), schemas)
    standard = schemas / "xparken" / "1.0"
    (standard / "rules" / "xparken.sch").write_text(many_rules(), encoding="utf-8")
    return standard


def measure(count: int) -> list[Sequence[Timed]]:
    """Read the long message with and without rules so often, once both are warm."""
    body = long_message()
    with tempfile.TemporaryDirectory() as folder:
        schemas = Path(folder, "schemas")
        manifest = write_standard(schemas) / "standard.yaml"
        ruled = Catalogue.load([schemas])
        plain_text = manifest.read_text(encoding="utf-8").replace("  - {file: rules/xparken.sch}", "  []")
        manifest.write_text(plain_text, encoding="utf-8")
        plain = Catalogue.load([schemas])

        def without() -> object:
            return plain.read(body, today=TODAY)

        return _calls(count, lambda: ruled.read(body, today=TODAY), without)


def measure_files(count: int, rules: list[Path], file: Path) -> list[Sequence[Timed]]:
    """Run rules by themselves on a message so often; beside it, it is parsed."""
    body = file.read_bytes()
    them = Rules([RuleFile(path, path.parents[1]) for path in rules], {})
    return _calls(count, lambda: them.find(parse(body), body), lambda: parse(body))


def _calls(count: int, ruled: Callable[[], object], plain: Callable[[], object]) -> list[Sequence[Timed]]:
    with one_core():
        for call in (ruled, plain):
            for _ in range(_WARM):
                call()
        return [(time_call(ruled), time_call(plain)) for _ in range(count)]


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=400)
    options.add_argument("--rules", type=Path, nargs="+")
    options.add_argument("--file", type=Path)
    chosen = options.parse_args()
    if chosen.rules:
        measured = measure_files(chosen.calls, chosen.rules, chosen.file)
    else:
        measured = measure(chosen.calls)
    (ruled, plain), (of_all, _) = milliseconds(whole("rules", measured)), milliseconds(measured)
    print(f"p95 {percentile(ruled, 95):.2f} ms, median {statistics.median(ruled):.2f} ms")
    print(
        f"without rules {statistics.median(plain):.2f} ms; p95 of all calls {percentile(of_all, 95):.2f} ms"
    )
