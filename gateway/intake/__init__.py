"""Receive a submission: parse → identify → validate → route → store → receipt."""

from gateway.intake.examine import Examined, examine
from gateway.intake.metadata import Attachment, Metadata
from gateway.intake.receive import Intake, Receipt

__all__ = ["Attachment", "Examined", "Intake", "Metadata", "Receipt", "examine"]
