"""What a refused submission is told, in German and English; never a value of the message."""

from gateway.config import Scope
from gateway.contract.codes import RejectCode
from gateway.contract.findings import Bilingual, Finding
from gateway.errors import NotAuthorised


def no_grant(scope: Scope, tenant: str, service: str) -> NotAuthorised:
    """Describe a client that may not do this."""
    return NotAuthorised(
        Bilingual(
            de=f"Dieser Client hat kein Recht `{scope}` für Mandant {tenant}, Leistung {service}.",
            en=f"This client holds no grant `{scope}` for tenant {tenant}, service {service}.",
        )
    )


WRONG_WAY = Bilingual(
    de="Nachrichten dieses Typs schreibt die Behörde an Antragstellende; einreichen kann man sie nicht.",
    en="Messages of this type go from authorities to applicants; they cannot be submitted.",
)
ANSWERS_HERE = Bilingual(
    de="Antragstellende antworten mit rueckkanal.antwort.1131 und weiteren Typen: siehe /docs.",
    en="Applicants answer by rueckkanal.antwort.1131 and other types: see /docs.",
)
NO_ID = Finding(
    code=RejectCode.OTHER.value,
    path="metadata/message_id",
    message=Bilingual(de="Die Nachricht hat keine eigene Kennung.", en="The message has no id of its own."),
    hint=Bilingual(
        de="Senden Sie den Kopf `Idempotency-Key` oder in den Metadaten `message_id`, bei jeder Wiederholung "
        "dasselbe.",
        en="Send the header `Idempotency-Key`, or `message_id` in the metadata, the same on every resend.",
    ),
)
NO_SERVICE = Finding(
    code=RejectCode.OTHER.value,
    path="metadata/service",
    message=Bilingual(
        de="Weder Nachricht noch Metadaten nennen die Leistung.",
        en="Neither message nor metadata name the service.",
    ),
    hint=Bilingual(de="Geben Sie `service` an, den LeiKa-Schlüssel.", en="State `service`, its LeiKa key."),
)
NO_PLACE = Finding(
    code=RejectCode.OTHER.value,
    path="metadata/authority",
    message=Bilingual(
        de="Weder Nachricht noch Metadaten sagen, wohin das gehört.",
        en="Neither message nor metadata say where this belongs.",
    ),
    hint=Bilingual(
        de="Geben Sie `authority` (zuständige Stelle) oder `ars` (Gebiet) an.",
        en="State `authority` or `ars` (the area).",
    ),
)
NO_CASE = Bilingual(
    de="Diese Nachricht gehört zu einem Vorgang, und unter dem genannten Bezug haben Sie hier keinen "
    "(oder mehrere).",
    en="This message belongs to a case, and you have none here (or several) by the reference it names.",
)
POST_TO_CASE = Bilingual(
    de="Senden Sie sie an `/v1/cases/{case_id}/messages`.",
    en="Post it to `/v1/cases/{case_id}/messages`.",
)
NOT_OFFERED = Bilingual(
    de="Die angegebene Leistung (LeiKa-Schlüssel) wird hier nicht angeboten.",
    en="The service stated (LeiKa key) is not offered here.",
)
TEST_ONLY = Bilingual(
    de="Ein Testclient sendet nur Testnachrichten.", en="A test client posts test messages only."
)
SET_TEST = Bilingual(
    de="Setzen Sie das Attribut `test` am Wurzelelement.", en="Set the attribute `test` on the root element."
)
OTHER_WORLD = Bilingual(
    de="Eine Testnachricht gehört zu einem Testvorgang, und nur sie.",
    en="A test message belongs to a test case, and nothing else does.",
)
STATE_TRUST = Bilingual(
    de="Geben Sie es in den Metadaten unter `identifications` an.",
    en="State it in `identifications` of the metadata.",
)

OTHER_CASE = Bilingual(
    de="Die Nachricht bezieht sich auf einen anderen Vorgang als den der Adresse.",
    en="The message refers to another case than the address does.",
)
POST_WHERE_IT_BELONGS = Bilingual(
    de="Senden Sie sie an die Adresse ihres Vorgangs, oder berichtigen Sie den Bezug.",
    en="Post it to the address of its own case, or correct the reference in it.",
)
NEW_ID = Bilingual(
    de="`links.first` führt zu dem, was damit zuerst einging; geben Sie neuem Inhalt eine neue ID.",
    en="`links.first` leads to what came first with it; give new content an id of its own.",
)
