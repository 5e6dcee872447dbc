"""The sample standards are whole: documented, compiled, resolvable, and their samples are what they claim."""

import hashlib
import re
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import xmlschema
import yaml
from lxml import etree

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas"
XS = "{http://www.w3.org/2001/XMLSchema}"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
GENERICODE = "{http://docs.oasis-open.org/codelist/ns/genericode/1.0/}CodeList"
XBASIS = "{urn:amtsbote:xbasis:1.0}"

STANDARDS = sorted(path.parent for path in SCHEMAS.glob("*/*/standard.yaml"))
XSDS = sorted(SCHEMAS.glob("*/*/*.xsd"))
CODE_LISTS = sorted(SCHEMAS.glob("*/*/codelists/*.xml"))
APPLICATIONS = [folder for folder in STANDARDS if folder.parent.name in {"xurkunde", "xparken", "xgewerbe"}]


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _fixtures(folder: Path) -> Path:
    return ROOT / "fixtures" / folder.parent.name / folder.name


def _cases(folder: Path) -> list[dict[str, Any]]:
    return yaml.safe_load((_fixtures(folder) / "cases.yaml").read_text("utf-8"))


def _every_case() -> list[Any]:
    return [
        pytest.param(folder, case, id=f"{folder.parent.name}-{folder.name}-{case['file']}")
        for folder in APPLICATIONS
        if (_fixtures(folder) / "cases.yaml").exists()
        for case in _cases(folder)
    ]


def _problem(case: dict[str, Any]) -> str:
    return "accepted" if case["expect"] == "accepted" else case["expect"]["problem"]


def _manifest(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "standard.yaml").read_text("utf-8"))


def _parse(path: Path) -> etree._Element:
    return etree.fromstring(path.read_bytes(), etree.XMLParser(resolve_entities=False, no_network=True))


class _SchemasOnly(etree.Resolver):
    """Resolve imports inside schemas/ and make anything else fail the test."""

    def resolve(self, system_url: str, public_id: str, context: object) -> object:
        path = Path(system_url).resolve()
        assert path.is_relative_to(SCHEMAS), f"{system_url} lies outside schemas/"
        return self.resolve_string(path.read_bytes(), context, base_url=str(path))


@lru_cache
def _lxml_schema(folder: Path) -> etree.XMLSchema:
    parser = etree.XMLParser(no_network=True)
    parser.resolvers.add(_SchemasOnly())
    entry = folder / _manifest(folder)["schemas"][0]
    return etree.XMLSchema(etree.fromstring(entry.read_bytes(), parser, base_url=str(entry)))


@lru_cache
def _xmlschema_schema(folder: Path) -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(folder / _manifest(folder)["schemas"][0]), allow="local")


@pytest.mark.parametrize("folder", STANDARDS, ids=_name)
def test_manifest_names_what_is_in_its_folder(folder: Path) -> None:
    manifest = _manifest(folder)
    assert (manifest["standard"], manifest["version"]) == (folder.parent.name, folder.name)
    assert manifest["namespace"] == f"urn:amtsbote:{folder.parent.name}:{folder.name}"
    assert manifest["title"]["de"].startswith("Amtsbote-Beispielstandard")
    assert manifest["title"]["en"]
    assert isinstance(manifest["valid_from"], date)
    files = manifest["schemas"] + [each["file"] for each in manifest.get("code_lists", [])]
    assert [name for name in files if not (folder / name).is_file()] == []
    assert {path.name for path in folder.glob("*.xsd")} >= set(manifest["schemas"])


@pytest.mark.parametrize("folder", STANDARDS, ids=_name)
def test_message_types_have_a_root_element_and_a_code(folder: Path) -> None:
    manifest = _manifest(folder)
    declared = {
        element.get("name")
        for name in manifest["schemas"]
        for element in _parse(folder / name).iterchildren(f"{XS}element")
    }
    assert {each["root"] for each in manifest["message_types"]} == declared
    assert {each["direction"] for each in manifest["message_types"]} <= {"in", "back", "both"}
    if manifest["message_types"]:
        codes = _codes(_parse(folder / "codelists/nachrichtentyp.xml"))
        assert [each["code"] for each in manifest["message_types"] if each["code"] not in codes] == []


@pytest.mark.parametrize("folder", STANDARDS, ids=_name)
def test_schema_compiles_with_both_engines_when_only_local_files_are_there(folder: Path) -> None:
    assert _lxml_schema(folder) is not None
    assert _xmlschema_schema(folder).built


@pytest.mark.parametrize("xsd", XSDS, ids=_name)
def test_imports_are_relative_and_lead_to_the_namespace_they_name(xsd: Path) -> None:
    for each in _parse(xsd).iter(f"{XS}import", f"{XS}include"):
        location = each.get("schemaLocation")
        assert not re.match(r"[a-z]+:|/", location), f"{location} is an absolute address"
        assert _parse(xsd.parent / location).get("targetNamespace") == each.get("namespace")


@pytest.mark.parametrize("xsd", XSDS, ids=_name)
def test_every_type_and_element_has_german_documentation(xsd: Path) -> None:
    described = f"{XS}complexType", f"{XS}simpleType", f"{XS}element", f"{XS}attribute"
    bare = [
        f"line {node.sourceline}: {node.get('name')}"
        for node in _parse(xsd).iter(*described)
        if node.get("name") and not _documented_in_german(node)
    ]
    assert bare == []


def _documented_in_german(node: etree._Element) -> bool:
    texts = node.findall(f"{XS}annotation/{XS}documentation")
    return any(each.get(XML_LANG) == "de" and len((each.text or "").split()) > 1 for each in texts)


def _codes(code_list: etree._Element) -> list[str]:
    return code_list.xpath("SimpleCodeList/Row/Value[@ColumnRef='code']/SimpleValue/text()")


@pytest.mark.parametrize("path", CODE_LISTS, ids=_name)
def test_code_list_is_genericode_with_a_key_and_unique_codes(path: Path) -> None:
    root = _parse(path)
    uri, version = root.findtext("Identification/CanonicalUri"), root.findtext("Identification/Version")
    assert root.tag == GENERICODE
    assert root.findtext("Identification/CanonicalVersionUri") == f"{uri}_{version}"
    columns = root.xpath("ColumnSet/Column/@Id")
    assert root.xpath("ColumnSet/Key/ColumnRef/@Ref") == ["code"]
    assert [ref for ref in root.xpath("SimpleCodeList/Row/Value/@ColumnRef") if ref not in columns] == []
    codes, rows = _codes(root), root.findall("SimpleCodeList/Row")
    assert len(codes) == len(set(codes)) == len(rows) > 0


@pytest.mark.parametrize("folder", STANDARDS, ids=_name)
def test_lists_that_the_schema_fixes_are_named_in_the_manifest(folder: Path) -> None:
    listed = {
        _parse(folder / each["file"]).findtext("Identification/CanonicalUri")
        for each in _manifest(folder).get("code_lists", [])
    }
    fixed = {
        node.get("fixed")
        for xsd in folder.glob("*.xsd")
        for node in _parse(xsd).iter(f"{XS}attribute")
        if node.get("name") == "listURI" and node.get("fixed")
    }
    assert fixed <= listed


# --- the samples


@pytest.mark.parametrize("folder", APPLICATIONS, ids=_name)
def test_cases_list_every_sample_and_enough_of_them(folder: Path) -> None:
    listed = [case["file"] for case in _cases(folder)]
    base = _fixtures(folder)
    assert sorted(listed) == sorted(
        str(path.relative_to(base)) for kind in ("valid", "invalid") for path in (base / kind).glob("*.xml")
    )
    assert sum(name.startswith("valid/") for name in listed) >= 6
    assert sum(name.startswith("invalid/") for name in listed) >= 10


@pytest.mark.parametrize(("folder", "case"), _every_case())
def test_both_engines_judge_a_sample_as_its_case_says(folder: Path, case: dict[str, Any]) -> None:
    path, problem = _fixtures(folder) / case["file"], _problem(case)
    if problem in {"not-utf8", "malformed-xml"}:
        with pytest.raises((UnicodeDecodeError, etree.XMLSyntaxError)):
            etree.fromstring(path.read_text("utf-8").encode())
        return
    root = _parse(path)
    if problem == "forbidden-xml":
        assert root.getroottree().docinfo.doctype
        return
    conforming = problem not in {"schema-violation", "unknown-message-type", "version-not-served"}
    assert _lxml_schema(folder).validate(root) is conforming
    assert _xmlschema_schema(folder).is_valid(root) is conforming


@pytest.mark.parametrize(("folder", "case"), _every_case())
def test_findings_point_at_one_place_in_the_sample(folder: Path, case: dict[str, Any]) -> None:
    problem = _problem(case)
    assert (problem == "accepted") is case["file"].startswith("valid/")
    findings = [] if problem == "accepted" else case["expect"].get("findings", [])
    paths = [finding["path"] for finding in findings if finding["path"] != "/"]
    if not paths:
        return
    root = _parse(_fixtures(folder) / case["file"])
    prefixes = {key: uri for node in root.iter() for key, uri in node.nsmap.items() if key}
    assert [path for path in paths if len(root.xpath(path, namespaces=prefixes)) != 1] == []


@pytest.mark.parametrize("folder", APPLICATIONS, ids=_name)
def test_valid_samples_carry_header_and_attachments_that_agree(folder: Path) -> None:
    seen = []
    for case in (case for case in _cases(folder) if _problem(case) == "accepted"):
        root = _parse(_fixtures(folder) / case["file"])
        seen.append(root.findtext(".//nachrichtenUUID"))
        assert root.findtext(".//nachrichtentyp/code") == root.tag.rpartition(".")[2]
        assert _described(root) == sorted(
            _digest(_fixtures(folder) / name) for name in case.get("attachments", [])
        )
    assert len(seen) == len(set(seen))


def _described(root: etree._Element) -> list[tuple[str, str]]:
    return sorted(
        (node.text, node.getparent().findtext(f"{XBASIS}groesse")) for node in root.iter(f"{XBASIS}sha256")
    )


def _digest(path: Path) -> tuple[str, str]:
    return hashlib.sha256(path.read_bytes()).hexdigest(), str(path.stat().st_size)


@pytest.mark.parametrize("folder", sorted(SCHEMAS.glob("xurkunde/*")), ids=_name)
def test_certificate_orders_are_addressed_to_the_office_that_keeps_the_entry(folder: Path) -> None:
    for case in _cases(folder):
        if _problem(case) != "accepted" or case.get("direction") == "back":
            continue
        root = _parse(_fixtures(folder) / case["file"])
        keeper = root.findtext(f"{{{_manifest(folder)['namespace']}}}registerfuehrendesStandesamt/kennung")
        assert root.findtext(".//leser/kennung") == keeper


@pytest.mark.parametrize(
    ("text", "permitted"),
    [
        ("Zoë Łukaszewska-Þór, Straße 7½", True),
        ("Nguyễn Đức", True),
        ("C̀ H̱ M̂ k̕ Ụ̄", True),
        ("Zeile 1\nZeile 2", True),
        ("Mu\u0308ller", False),
        ("Иванов", False),
        ("Ελένη", False),
        ("„unten“", False),
        ("Müller 👋", False),
        ("\u0300", False),
    ],
)
def test_datatype_c_permits_the_characters_of_din_91379(text: str, permitted: bool) -> None:
    schema = xmlschema.XMLSchema(str(SCHEMAS / "xbasis/1.0/xbasis.xsd"), allow="local")
    assert schema.types["DatentypC"].is_valid(text) is permitted
