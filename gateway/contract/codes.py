"""Reject codes as published for XÖV Rückweisungen.

Source: urn:xoev-de:xgewerbeordnung:codeliste:rueckweisungsgruende_1
"""

from enum import StrEnum

REJECT_LIST_URI = "urn:xoev-de:xgewerbeordnung:codeliste:rueckweisungsgruende"
REJECT_LIST_VERSION = "1"


class RejectCode(StrEnum):
    """Why a message is refused."""

    NOT_WELL_FORMED = "X000"
    SCHEMA = "X001"
    RULE = "X002"
    VERSION = "V000"
    ENCODING = "S001"
    CODE_LIST = "S010"
    CODE = "S011"
    ATTACHMENT = "S020"
    NO_ROUTE = "T080"
    NOT_AUTHORISED = "T070"
    OTHER = "S999"
