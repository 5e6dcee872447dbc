"""What to do about each type of problem: the pages at /problems, and problems that say nothing finer."""

from gateway.contract.findings import Bilingual

ADVICE = {
    "malformed-xml": Bilingual(
        de="Prüfen Sie die genannte Stelle mit einem XML-Parser und senden Sie die Nachricht berichtigt.",
        en="Check the place named with an XML parser and send the message corrected.",
    ),
    "not-utf8": Bilingual(
        de="Schreiben Sie die Nachricht in UTF-8 und geben Sie in der XML-Deklaration nichts anderes an.",
        en="Write the message in UTF-8 and declare nothing else in the XML declaration.",
    ),
    "forbidden-xml": Bilingual(
        de="DTD, Entitäten, XML 1.1 sowie übermäßige Tiefe oder Zahl der Attribute werden nicht angenommen.",
        en="DTDs, entities, XML 1.1, excessive depth and excessive numbers of attributes are not taken.",
    ),
    "schema-violation": Bilingual(
        de="Jeder Befund nennt Pfad, Zeile und Spalte; prüfen Sie gegen das Schema des Standards.",
        en="Each finding names path, line and column; check against the standard's schema.",
    ),
    "code-list-violation": Bilingual(
        de="Verwenden Sie die Codelisten in der Version des Standards und nur Codes, die darin stehen.",
        en="Use the code lists in the standard's version, and only codes that are in them.",
    ),
    "rule-violation": Bilingual(
        de="Jeder Befund nennt die Regel des Standards und die Stelle; berichtigen Sie, was sie verlangt.",
        en="Each finding names the standard's rule and the place; correct what it asks for.",
    ),
    "version-not-served": Bilingual(
        de="Das Problem nennt die Versionen, die bedient werden, und seit wann und bis wann.",
        en="The problem says which versions are served, since when and until when.",
    ),
    "unknown-message-type": Bilingual(
        de="Wurzelelement und Namensraum gehören zu keinem Standard, der hier bedient wird, oder zu einem "
        "Nachrichtentyp, den Behörden an Antragstellende senden.",
        en="Root element and namespace belong to no standard that is served here, or to a message type that "
        "authorities send to applicants.",
    ),
    "no-route": Bilingual(
        de="Prüfen Sie Leistung, Gebiet (ARS) und zuständige Stelle. Testnachrichten gehen nur an Testziele.",
        en="Check service, area (ARS) and authority. Test messages go to test destinations only.",
    ),
    "metadata-mismatch": Bilingual(
        de="Was Metadaten und Nachricht beide angeben, muss gleich sein; Fehlendes gehört in die Metadaten.",
        en="What metadata and message both state must agree; state what is missing in the metadata.",
    ),
    "trust-level-too-low": Bilingual(
        de="Lassen Sie die Person sich mit einem Mittel des genannten Vertrauensniveaus identifizieren.",
        en="Have the person identified with means of the trust level named.",
    ),
    "attachment-mismatch": Bilingual(
        de="Senden Sie genau die Anlagen, deren SHA-256 die Nachricht nennt, unverändert.",
        en="Send exactly the attachments whose SHA-256 the message names, unchanged.",
    ),
    "duplicate-message-id": Bilingual(
        de="Geben Sie einem anderen Inhalt eine neue Nachrichten-ID; `links.first` führt zum ersten.",
        en="Give other content a new message id; `links.first` leads to the first.",
    ),
    "erased": Bilingual(
        de="Kennung, Prüfsumme und Verlauf bleiben; den Inhalt hat die zuständige Stelle, solange er gilt.",
        en="Id, digest and events remain. The authority has the content while it is needed.",
    ),
    "message-too-large": Bilingual(
        de="Das Problem nennt die Grenze. Verkleinern Sie Anlagen oder reichen Sie sie einzeln nach.",
        en="The problem names the limit. Make attachments smaller or hand some in later.",
    ),
    "invalid-request": Bilingual(
        de="Vergleichen Sie die Anfrage mit der Beschreibung des Aufrufs unter /docs.",
        en="Compare the request with the description of the call at /docs.",
    ),
    "unauthenticated": Bilingual(
        de="Holen Sie unter /oauth/token ein Token und senden Sie es als `Authorization: Bearer …`.",
        en="Get a token from /oauth/token and send it as `Authorization: Bearer …`.",
    ),
    "not-authorised": Bilingual(
        de="Wenden Sie sich an den Betreiber: Rechte gelten je Mandant, Leistung und Aufruf.",
        en="Ask the operator: grants hold for a tenant, a service and a kind of call.",
    ),
    "not-found": Bilingual(
        de="Prüfen Sie Adresse und Kennung; was anderen gehört, ist hier ebenfalls nicht zu finden.",
        en="Check address and id; what belongs to others is not found either.",
    ),
    "method-not-allowed": Bilingual(
        de="Der Kopf `Allow` nennt, was möglich ist.", en="The header `Allow` says what is possible."
    ),
    "request-timeout": Bilingual(
        de="Senden Sie die Anfrage über eine schnellere Leitung oder mit kleineren Anlagen noch einmal.",
        en="Send the request again over a faster line or with smaller attachments.",
    ),
    "unsupported-media-type": Bilingual(
        de="Das Problem nennt, was angenommen wird; komprimierte Anfragen werden nicht angenommen.",
        en="The problem says what is taken; compressed requests are not.",
    ),
    "rate-limited": Bilingual(
        de="Warten Sie so viele Sekunden, wie der Kopf `Retry-After` nennt.",
        en="Wait as many seconds as the header `Retry-After` says.",
    ),
    "unavailable": Bilingual(
        de="Senden Sie dasselbe nach `Retry-After` Sekunden noch einmal: es wirkt höchstens einmal.",
        en="Send the same again after `Retry-After` seconds: it takes effect once at most.",
    ),
    "internal-fault": Bilingual(
        de="Nennen Sie dem Betreiber die `request_id`; dasselbe noch einmal zu senden ist unschädlich.",
        en="Tell the operator the `request_id`; sending the same again is safe.",
    ),
}
