"""The glossary: what states, events and findings are called on the console, in German and English.

What the gateway has taken is "angenommen"; what a destination has taken is "zugestellt", be it a delivery
(Zustellung, code `accepted`) or the submission as a whole (Eingang, code `delivered`).
"""

from gateway.contract.findings import Bilingual

_WORDS = {
    "role": {
        "lead": ("federführend", "lead"),
        "copy": ("nachrichtlich", "copy"),
    },
    "direction": {
        "in": ("Eingang", "received"),
        "back": ("Rückkanal", "back channel"),
    },
    "delivery": {
        "waiting": ("wartet", "waiting"),
        "sent": ("unterwegs", "sent"),
        "accepted": ("zugestellt", "delivered"),
        "refused": ("zurückgewiesen", "refused"),
        "failed": ("gescheitert", "failed"),
        "cancelled": ("abgebrochen", "cancelled"),
    },
    "submission": {
        "accepted": ("angenommen", "accepted"),
        "delivered": ("zugestellt", "delivered"),
        "refused": ("zurückgewiesen", "refused"),
        "failed": ("gescheitert", "failed"),
        "cancelled": ("abgebrochen", "cancelled"),
    },
    "case": {
        "open": ("offen", "open"),
        "in_progress": ("in Bearbeitung", "in progress"),
        "action_required": ("Antragsteller ist am Zug", "action required"),
        "decided": ("entschieden", "decided"),
        "refused": ("zurückgewiesen", "refused"),
        "withdrawn": ("zurückgenommen", "withdrawn"),
    },
    "citizen": {
        "SUBMITTED": ("eingereicht", "submitted"),
        "RECEIVED": ("eingegangen", "received"),
        "PROCESSING": ("in Bearbeitung", "in progress"),
        "ACTION_REQUIRED": ("Mitwirkung erforderlich", "action required"),
        "COMPLETED": ("abgeschlossen", "completed"),
        "UNKNOWN": ("unbekannt", "unknown"),
    },
    "reference": {
        "aktenzeichen": ("Aktenzeichen", "file number"),
        "kassenzeichen": ("Kassenzeichen", "payment reference"),
        "reference": ("Geschäftszeichen", "reference"),
        "foreign_id": ("Kennung im Fachverfahren", "foreign id"),
    },
    "event": {
        "submission.accepted": ("Eingang angenommen", "submission accepted"),
        "delivery.accepted": ("dem Ziel zugestellt", "delivered to the destination"),
        "delivery.refused": ("vom Ziel zurückgewiesen", "refused by the destination"),
        "delivery.failed": ("Zustellung gescheitert", "delivery failed"),
        "delivery.cancelled": ("Zustellung abgebrochen", "delivery cancelled"),
        "delivery.redirected": ("an ein anderes Ziel umgeleitet", "redirected to another destination"),
        "delivery.recreated": ("fehlende Zustellung ersetzt", "missing delivery replaced"),
        "delivery.retried": ("wird noch einmal versucht", "will be tried again"),
        "mailbox.posted": ("ins Abholfach gelegt", "put into the mailbox"),
        "case.reference": ("Aktenzeichen mitgeteilt", "reference number reported"),
        "case.open": ("Vorgang offen", "case open"),
        "case.in_progress": ("Vorgang in Bearbeitung", "case in progress"),
        "case.action_required": ("Antragsteller ist am Zug", "action required of the applicant"),
        "case.decided": ("Vorgang entschieden", "case decided"),
        "case.refused": ("Antrag zurückgewiesen", "application refused"),
        "case.withdrawn": ("Antrag zurückgenommen", "application withdrawn"),
        "case.reopened": ("Vorgang wieder aufgenommen", "case reopened"),
        "case.illegal_move": ("Meldung passt nicht zum Stand", "report does not fit the state"),
    },
    "outcome": {
        "accepted": ("zugestellt", "delivered"),
        "refused": ("zurückgewiesen", "refused"),
        "failed": ("gescheitert", "failed"),
        "cancelled": ("abgebrochen", "cancelled"),
        "transient": ("vorübergehend gestört", "transient fault"),
        "unknown": ("Ausgang unbekannt", "outcome unknown"),
        "expired": ("abgelaufen", "expired"),
        "BrokerUnavailable": ("Broker nicht erreichbar", "broker away"),
        "QueueFull": ("Warteschlange voll", "queue full"),
        "MessageReturned": ("keine Warteschlange", "no queue"),
    },
    "standard": {
        "not_enabled": ("nicht freigegeben", "not enabled"),
        "coming": ("noch nicht bedient", "not served yet"),
        "served": ("bedient", "served"),
        "ending": ("endet bald", "ends soon"),
        "grace": ("nur noch mit Warnung", "with a warning only"),
        "over": ("nicht mehr bedient", "no longer served"),
    },
    "finding": {
        "delivery_failed": ("Zustellung gescheitert", "delivery failed"),
        "delivery_failing": ("Zustellung scheitert seit Stunden", "delivery failing for hours"),
        "accepted_after_end": ("nach dem Ende doch zugestellt", "delivered after its end"),
        "delivery_silent": ("seit Stunden ohne Meldung des Ziels", "no report of the destination for hours"),
        "destination_gone": ("Ziel ist nicht konfiguriert", "destination is not configured"),
        "dead_letter_failed": ("unzustellbare Sendung ohne Wirkung", "dead letter without effect"),
        "wish_void": ("Eingriff kam zu spät", "an operator's action came too late"),
        "accepted_twice": ("unter zwei Kennungen angelegt", "registered under two ids"),
        "report_rejected": ("Meldung entspricht nicht dem Vertrag", "report not to contract"),
        "report_stale": ("Meldung unter verbrauchter Nummer", "report under a used number"),
        "legal_hold": ("wird nicht gelöscht", "kept from erasure"),
        "report_parked": ("Meldung wartet auf eine frühere", "report waits for an earlier one"),
    },
}


def word(what: str, value: str) -> Bilingual:
    """Name a value of a kind; what has no name yet is called by its code."""
    german, english = _WORDS[what].get(value, (value, ""))
    return Bilingual(de=german, en=english)
