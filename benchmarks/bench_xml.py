"""What the XML entrance costs over the bare lxml calls, on one valid sample.

Counted against `etree.fromstring` with a safe parser and `XMLSchema.validate`: the guard, the parsing, the
identification by root element and the same validation, as `Catalogue.read` does them. The code lists and the
header, which bare lxml does not do at all, are printed on lines of their own, and so is a refusal with a
hundred findings, warm.

    python -m benchmarks.bench_xml [--rounds 40] [--file fixtures/…/valid/….xml]
"""

import argparse
import datetime
import json
import re
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lxml import etree

from gateway.errors import SchemaViolation
from gateway.settings import data_folder
from gateway.standards import Catalogue
from gateway.xml.parse import parse

SAMPLE = data_folder("fixtures") / "xurkunde" / "1.1" / "valid" / "07-registerausdruck-ahnenforschung.xml"
MESSAGES_PER_ROUND = 200
FAULTS = 100
TODAY = datetime.date(2026, 6, 1)


def measure(rounds: int, file: Path) -> list[dict[str, object]]:
    """Run the steps in alternating rounds and return one figure each, in microseconds a message."""
    body = file.read_bytes()
    catalogue = Catalogue.load([data_folder("schemas")])
    incoming = catalogue.read(body, today=TODAY)
    standard = incoming.standard
    safe = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    bare_schema = etree.XMLSchema(file=_plain_schema(standard.folder, standard.manifest.schemas[0]))

    def bare() -> None:
        bare_schema.validate(etree.fromstring(body, safe))

    def entrance() -> None:
        root = parse(body)
        standard_now = catalogue.identify(root, body, TODAY)[1]
        standard_now.schema.find(root, body)

    def code_lists() -> None:
        standard.code_lists.accept(incoming.root, body)

    def header() -> None:
        standard.read_header(incoming.root)

    def whole() -> None:
        catalogue.read(body, today=TODAY)

    refusal = _refusal(catalogue, _with_faults(body, FAULTS))
    steps = {"bare": bare, "entrance": entrance, "code_lists": code_lists, "header": header, "whole": whole}
    times: dict[str, list[float]] = {name: [] for name in steps}
    refusals = []
    for _ in range(rounds):
        for name, step in steps.items():
            times[name].append(_microseconds(step))
        refusals.append(_microseconds(refusal, messages=1))
    ratio = statistics.median(e / b for e, b in zip(times["entrance"], times["bare"], strict=True))
    medians = {name: statistics.median(values) for name, values in times.items()}
    return [
        {
            "name": "xml.parse_and_validate",
            "value": medians["entrance"],
            "unit": "µs",
            "peer": medians["bare"],
            "ratio": ratio,
        },
        {"name": "xml.code_lists", "value": medians["code_lists"], "unit": "µs", "peer": None, "ratio": None},
        {"name": "xml.header", "value": medians["header"], "unit": "µs", "peer": None, "ratio": None},
        {"name": "xml.read", "value": medians["whole"], "unit": "µs", "peer": None, "ratio": None},
        {
            "name": f"xml.refusal_with_{FAULTS}_findings",
            "value": statistics.median(refusals),
            "unit": "µs",
            "peer": None,
            "ratio": None,
        },
    ]


def _refusal(catalogue: Catalogue, wrong: bytes) -> Callable[[], None]:
    """Return what refuses a message, after the first time: then the second engine compiles the schema."""

    def refuse() -> None:
        with suppress(SchemaViolation):
            catalogue.read(wrong, today=TODAY)

    try:
        catalogue.read(wrong, today=TODAY)
    except SchemaViolation as refused:
        if len(refused.findings) == FAULTS:
            return refuse
    raise SystemExit(f"the message with {FAULTS} faults has not as many findings")


def _with_faults(body: bytes, count: int) -> bytes:
    """Make a message of so many faults of it: half of them wrong values, half of them unknown elements."""
    found = re.search(rb"  <u:urkunde>.*?</u:urkunde>\n", body, re.DOTALL)
    if found is None:
        raise SystemExit("--file: a message of xurkunde is needed for the refusal")
    wrong = found[0].replace(b"<u:anzahl>", b"<u:anzahl>x")
    unknown = found[0].replace(b"u:anzahl>", b"u:stueck>")
    return body.replace(found[0], (wrong + unknown) * (count // 2))


def _plain_schema(folder: Path, name: str) -> str:
    """Our schemas import each other by relative paths, so bare lxml can load them where they are."""
    return str(folder / name)


def _microseconds(step: Callable[[], None], messages: int = MESSAGES_PER_ROUND) -> float:
    started = time.perf_counter()
    for _ in range(messages):
        step()
    return (time.perf_counter() - started) / messages * 1e6


def main() -> None:
    """Print the figures, or with --json the list that `make bench` collects."""
    arguments = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    arguments.add_argument("--rounds", type=int, default=40)
    arguments.add_argument("--file", type=Path, default=SAMPLE)
    arguments.add_argument("--json", action="store_true")
    given = arguments.parse_args()
    figures = measure(given.rounds, given.file)
    if given.json:
        print(json.dumps(figures, ensure_ascii=False))
        return
    first, *others = figures
    print(f"{given.file.name}, {given.file.stat().st_size} bytes, {given.rounds} alternating rounds")
    print(f"  bare lxml, parse and validate        {first['peer']:8.1f} µs")
    print(f"  parse, guard, identify and validate  {first['value']:8.1f} µs")
    print(f"  ratio (median)                       {first['ratio']:8.2f}    target 1.30")
    for figure in others:
        print(f"  {figure['name']:36} {figure['value']:8.1f} µs")


if __name__ == "__main__":
    main()
