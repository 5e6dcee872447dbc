"""A sample message for any message type of any standard, from its schema alone.

The same seed gives the same bytes. A minimal example has only what is required; a full one has every
optional element and attribute once, up to a size, and never a type within itself. Where the schema leaves a
choice, the seed decides. Both engines and the header profile have read an example before it is returned.

Rules that a schema cannot state are not read, only obeyed: what breaks some is written anew, differently
where it did, and if nothing helps, the example says which it breaks.
"""

from dataclasses import dataclass, field
from functools import cached_property
from random import Random

from lxml import etree
from xmlschema import XMLSchema
from xmlschema.names import XSI_NAMESPACE

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Finding, Findings, Severity
from gateway.errors import NotPossible, Problem, Unavailable
from gateway.standards.agreement import find_disagreements
from gateway.standards.examples.codes import Codes
from gateway.standards.examples.links import NoTarget, link
from gateway.standards.examples.matching import fulfil, may_say
from gateway.standards.examples.model import Model
from gateway.standards.examples.parts import Field, Part
from gateway.standards.examples.plan import Plan
from gateway.standards.examples.texts import made_up_uuid, of_datatype
from gateway.standards.examples.tree import FOREIGN, Tree, Unfillable
from gateway.standards.profiles import HeaderReader
from gateway.standards.standard import MessageType, Standard
from gateway.xml.parse import parse

_ATTEMPTS = 24
_VALID_ATTEMPTS = 4
"""How many of them there are where the schema is not met by any."""
_MATCH = "`match` in standard.yaml"
_ROUNDS = 4
"""How often an example is written anew because a reference in it needs something more to lead to."""
_NOT_DECLARED = ("", "http://www.w3.org/2001/XMLSchema", "http://www.w3.org/XML/1998/namespace")


@dataclass(frozen=True)
class Example:
    """A message in UTF-8, valid but for `broken`: rules of its standard that refuse it, in document order.

    Where they could not be run, it is not `judged`. None of the `attachments` that it names exists.
    """

    body: bytes = field(repr=False)
    broken: tuple[Finding, ...] = ()
    judged: bool = True
    attachments: int = 0


class _Invalid(Exception):
    """An attempt is no valid message; with what is wrong, and where."""


class Examples:
    """Writes examples of one standard; for one thread at a time."""

    def __init__(self, standard: Standard) -> None:
        self._standard = standard

    def write(self, message_type: MessageType, *, full: bool = False, seed: int = 0) -> Example:
        """Return an example of a message type of this standard.

        Of several attempts, the first that breaks no rule, or the one that breaks the fewest.

        Raises:
            NotPossible: the schema asks for something that cannot be made up; says what and where.
            ConfigurationError: the standard itself is not usable.
        """
        self._standard.prepare()  # which says better than the other engine what is wrong
        if message_type.root not in self._schema.maps.elements:
            raise NotPossible(f"{message_type.id}: the schema declares no element {message_type.root}")
        plan, best, failure = Plan(full=full), None, ""
        for attempt in range(_ATTEMPTS):
            if best is None and attempt == _VALID_ATTEMPTS:
                break
            random = Random(f"{message_type.id} {full} {seed} {attempt}")  # noqa: S311 nothing secret
            try:
                example = self._examined(message_type, self._attempt(message_type, random, plan))
            except Unfillable as error:
                failure = f"nothing valid can be made up for {error}"
                continue
            except _Invalid as error:
                failure = str(error)
                continue
            if best is None or len(example.broken) < len(best.broken):
                best = example
            if not example.broken:
                break
            plan.learn(parse(example.body), example.broken)
        if best is not None:
            return best
        kind = "full" if full else "minimal"
        raise NotPossible(
            f"{message_type.id}: no {kind} example with seed {seed} follows from the schema alone: {failure}"
        )

    def _attempt(self, message_type: MessageType, random: Random, plan: Plan) -> bytes:
        state, needed = random.getstate(), frozenset[str]()
        for _ in range(_ROUNDS):
            try:
                return self._written(message_type, random, plan, needed)
            except NoTarget as error:
                needed |= error.needed
                random.setstate(state)
        raise Unfillable(f"a reference to {', '.join(sorted(needed))}")

    def _written(
        self, message_type: MessageType, random: Random, plan: Plan, needed: frozenset[str]
    ) -> bytes:
        tree = Tree(self._model, self._codes, random, self._prefixes, plan, needed)
        root = tree.grow(self._schema.maps.elements[message_type.root])
        link(tree, root)
        self._write_header(tree, root, message_type, random)
        if message_type.match is not None:
            fulfil(tree, root, message_type.match)
        etree.cleanup_namespaces(root.element, keep_ns_prefixes=_used_in_values(root.element))
        etree.indent(root.element)
        return etree.tostring(root.element, xml_declaration=True, encoding="UTF-8") + b"\n"

    @property
    def _schema(self) -> XMLSchema:
        return self._standard.schema.xmlschema

    @cached_property
    def _model(self) -> Model:
        return Model(self._schema)

    @cached_property
    def _codes(self) -> Codes:
        lists = (code_list for code_list, _ in self._standard.code_list_files)
        return Codes(lists, closed=self._standard.manifest.closed_code_lists)

    @cached_property
    def _prefixes(self) -> dict[str, str]:
        """A prefix for every namespace: the manifest's, else one of the schema documents', else any."""
        stated = {namespace: prefix for prefix, namespace in self._standard.manifest.namespaces.items()}
        for schemas in self._schema.maps.namespaces.values():
            for schema in schemas:
                for prefix, namespace in schema.namespaces.items():
                    if prefix and prefix not in stated.values():
                        stated.setdefault(namespace, prefix)
        wanted = [*self._schema.maps.namespaces, XSI_NAMESPACE, FOREIGN]
        prefixes = {XSI_NAMESPACE: "xsi"}
        for number, namespace in enumerate(wanted):
            if namespace not in _NOT_DECLARED:
                prefixes.setdefault(namespace, stated.get(namespace, f"n{number}"))
        return prefixes

    def _write_header(self, tree: Tree, root: Part, message_type: MessageType, random: Random) -> None:
        manifest = self._standard.manifest
        reader = HeaderReader(manifest.header.profile, manifest.header.xpaths, manifest.namespaces)
        wanted = {
            "standard": message_type.standard,
            "version": message_type.version,
            "message_type_code": message_type.code,
            "message_id": made_up_uuid(random),
            "created_at": next(of_datatype("dateTime", "", random)),
        }
        for name, text in wanted.items():
            for element, attribute in reader.places(root.element, name):
                part = tree.parts.get(element)
                place = Field(part, attribute) if part else None
                if text and place and may_say(place, text):
                    place.write(text)

    def _examined(self, message_type: MessageType, body: bytes) -> Example:
        """Judge an attempt as the gateway would.

        Raises:
            _Invalid: not only rules have something against it.
        """
        try:
            root = parse(body)
            if not self._standard.matches(message_type, root):
                raise _Invalid(f"what tells this message type from others is not fulfilled ({_MATCH})")
            findings, judged = self._find(root, body, message_type)
            header = self._standard.read_header(root)
            findings = findings.joined(
                find_disagreements(header, message_type, self._standard, root, body, None)
            )
            errors = tuple(each for each in findings.shown if each.severity is Severity.ERROR)
            if fault := next((each for each in errors if each.code != RejectCode.RULE), None):
                raise _Invalid(f"{fault.path}: {fault.message.en}")
        except Problem as problem:
            raise _Invalid(problem.detail) from problem
        # lxml has added to its tree what the schema gives by default.
        error = next(self._schema.iter_errors(parse(body)), None)
        if error is not None:
            raise _Invalid(f"{error.path}: {error.reason}")
        return Example(body, errors, judged, self._standard.count_attachments(root))

    def _find(self, root: etree._Element, body: bytes, message_type: MessageType) -> tuple[Findings, bool]:
        try:
            return self._standard.find(root, body, message_type), True
        except Unavailable:  # only rules ever are
            return Findings(), False


def _used_in_values(root: etree._Element) -> list[str]:
    """Return the prefixes that stand before names in values: no engine sees these as used."""
    texts = (str(text or "") for each in root.iter() for text in (each.text, *each.values()))
    return sorted({text.partition(":")[0] for text in texts if ":" in text})
