"""Take reports, move the case, fill mailboxes."""

from gateway.backchannel.reports import ReportIntake

__all__ = ["ReportIntake"]
