"""What atheris calls with bytes; `python -m fuzz.target CORPUS -option=…` as libFuzzer has it."""

import hashlib
import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["gateway.xml", "gateway.standards"]):
    from gateway.standards import Catalogue
    from gateway.xml.parse import parse

import structlog

from fuzz.campaign import Violation
from fuzz.oracle import MAX_S, read, violations_of
from fuzz.seeds import PROBE
from gateway.errors import Problem
from gateway.settings import data_folder


class Target:
    """Has bytes parsed and read; writes each kind of violation once and goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: set[str] = set()
        self._catalogue = Catalogue.load([data_folder("schemas"), PROBE])
        self._catalogue.check()
        for path in sorted(data_folder("fixtures").glob("*/*/*/*.xml")):
            read(self._catalogue, path.read_bytes())  # what is compiled on first use belongs to no input

    def attempt(self, body: bytes) -> None:
        """Try one input; libFuzzer notices what hangs, takes too much memory or ends the process."""
        try:
            parse(body)
        except Problem:
            is_xml = False
        else:
            is_xml = True
        outcome = read(self._catalogue, body)
        violations = violations_of(outcome, body)
        if not is_xml and outcome.incoming:
            violations.append(Violation("what the parser refuses is accepted", ""))
        if outcome.seconds > MAX_S:
            violations.append(Violation("takes more than two seconds", f"{outcome.seconds:.1f} s"))
        for violation in violations:
            if violation.kind not in self._known:
                self._known.add(violation.kind)
                self._write(violation, body)

    def _write(self, violation: Violation, body: bytes) -> None:
        name = f"violation-{hashlib.sha256(violation.kind.encode()).hexdigest()[:8]}"
        (self._folder / f"{name}.input").write_bytes(body)
        (self._folder / f"{name}.txt").write_text(f"{violation.kind}\n\n{violation.detail}\n", "utf-8")


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    prefix = next(each.partition("=")[2] for each in sys.argv if each.startswith("-artifact_prefix="))
    target = Target(Path(prefix))
    atheris.Setup(sys.argv, target.attempt)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
