"""What of a report accepts a message, where a standard says so itself (`acceptMatch` of the KoSIT validator).

The criterion is an XPath over a report in the vocabulary that the validator's configurations write, VARL.
Such a report is written here from the findings. It decides about rules alone: what no schema allows is
refused.
Source: KoSIT validator, VARL (http://www.xoev.de/de/validator/varl/1)
"""

from collections.abc import Mapping

from lxml import etree

from gateway.contract.codes import RejectCode
from gateway.contract.findings import Findings, Severity
from gateway.errors import ConfigurationError
from gateway.standards.condition import Condition
from gateway.xml.declarations import XML_NAMESPACE, XSD_NAMESPACE

VARL = "http://www.xoev.de/de/validator/varl/1"
DEFAULT = "/rep:report/rep:assessment[1]/rep:accept[1]"
"""What nearly every configuration says: no rule of the level `error` is broken."""
_ASKED = {VARL, XSD_NAMESPACE, XML_NAMESPACE}


class Criterion(Condition):
    """A criterion over such a report, in whose vocabulary `rep:` is.

    Raises:
        ConfigurationError: one of its prefixes stands for nothing, or it asks for what is in no such report,
            so that it might accept anything.
    """

    def __init__(self, xpath: str, namespaces: Mapping[str, str]) -> None:
        try:
            super().__init__(xpath, {**namespaces, "rep": VARL})
        except ConfigurationError as error:
            raise ConfigurationError(f"{error.detail}; it asks a report in {VARL}, as `rep:`") from error
        if foreign := [prefix for prefix, uri in self.namespaces.items() if uri not in _ASKED]:
            raise ConfigurationError(
                f"{xpath!r} asks for {foreign[0]}:, which is {self.namespaces[foreign[0]]}; only a report in "
                f"{VARL} is written here, so give it a criterion about that, or none (messages are accepted "
                "then that break no rule of the level `error`)"
            )

    def weigh(self, findings: Findings) -> Findings:
        """Let what is only against rules be a warning where the criterion holds; where not, one is an error.

        What nobody knows might be what it asks for: with that, no criterion accepts.
        """
        if findings.errors - {str(RejectCode.RULE)}:
            return findings
        is_known = not findings.more or findings.broken is not None
        accepted = is_known and self.holds(_report(findings))
        if not accepted and findings.errors:
            return findings
        severity = Severity.WARNING if accepted else Severity.ERROR
        weighed = [
            each.model_copy(update={"severity": severity}) if each.code == RejectCode.RULE else each
            for each in findings.shown
        ]
        return Findings.of(weighed, findings.more)


def _report(findings: Findings) -> etree._Element:
    report = etree.Element(f"{{{VARL}}}report", valid="false" if findings.errors else "true")
    steps = etree.SubElement(report, f"{{{VARL}}}scenarioMatched")
    step = etree.SubElement(steps, f"{{{VARL}}}validationStepResult", id="val-sch.1")
    shown = [(each.rule or each.code, each.severity) for each in findings.shown]
    for code, severity in [*shown, *sorted((findings.broken or frozenset()).difference(shown))]:
        etree.SubElement(step, f"{{{VARL}}}message", code=code, level=str(severity))
    assessment = etree.SubElement(report, f"{{{VARL}}}assessment")
    etree.SubElement(assessment, f"{{{VARL}}}{'reject' if findings.errors else 'accept'}")
    return report
