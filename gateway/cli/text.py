"""What the command line prints for people: documents of the gateway in words."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from rich.text import Text

from gateway.cli.report import findings_report
from gateway.cli.source import Source
from gateway.contract.states import Direction

_WARN = "bold yellow"


def receipt_text(receipt: dict[str, Any], source: Source) -> Text:
    """Say that a submission is stored, whether it was before, and what its message is warned of."""
    status = receipt["status"] if receipt["created"] else f"already sent at {receipt['received_at']}"
    stored = f"{status}: submission {receipt['submission_id']}, case {receipt['case_id']}"
    return Text("\n").join([Text(stored), *findings_report(receipt, source)])


def valid_text(answer: dict[str, Any], source: Source) -> Text:
    """Say that a message is valid, where it would go if a gateway says so, and what it is warned of."""
    goes = f"; zuständig / responsible: {answer['authority']}" if "authority" in answer else ""
    valid = Text(f"{source.name}: gültig / valid: {answer['message_type']}{goes}", "bold green")
    return Text("\n").join([*findings_report(answer, source), valid])


def example_warning(example: dict[str, Any]) -> Text | None:
    """Say why the gateway would refuse an example, or that nobody knows; nothing where it would not."""
    said = [*findings_report(example), *(Text(each, _WARN) for each in _against_sending(example))]
    return Text("\n").join(said) if said else None


def _against_sending(example: dict[str, Any]) -> Iterator[str]:
    if not example["judged"]:
        yield "The rules of the standard could not be run on this example: it may break some."
    if example["findings"]:
        yield (
            "The gateway refuses this example: no attempt kept all rules. "
            "Try --full or another --seed, or mend it."
        )
    if not example["served"]:
        yield "The gateway refuses this example (V000): this version of the standard is not served today."
    if example["direction"] == Direction.BACK:
        yield "The gateway refuses this example from whoever sends it: it sends such messages to applicants."
    elif count := example["attachments"]:
        yield (
            f"The gateway refuses this example sent alone (S020): it names {counted(count, 'attachment')}, "
            "made up like the rest. State SHA-256, size and type of your files there and send these along "
            "(--attach), or take out elements `anlage` that may be left out."
        )


def submission_text(view: dict[str, Any]) -> str:
    """Say where a submission stands, why it was refused, and what happened to it."""
    lines = [f"{view['message_type']}: {view['status']}; case {view['case_id']} {view['case']['status']}"]
    lines += [f"  refused: {each['code']} {each['description']}" for each in view["rejections"]]
    for event in view["events"]:
        more = (event.get(name) for name in ("destination", "outcome", "code"))
        lines.append("  ".join(["", event["at"], event["kind"], *filter(None, more)]))
    return "\n".join(lines)


def mailbox_text(page: dict[str, Any]) -> str:
    """List messages: id, time, whether it was collected, type and case."""
    lines = [
        f"{each['message_id']}  {each['created_at']}  {'collected' if each['collected_at'] else 'new':9}  "
        f"{each['type']}  case {each['case_id']}"
        for each in page["items"]
    ]
    return "\n".join([*lines, f"next: --after {page['next']}"])


def deliveries_text(deliveries: Sequence[dict[str, Any]], *, limit: int) -> str:
    """List deliveries: id, destination, state, attempts, when it is due or changed, and why it is stuck."""
    return _listed([_delivery_line(each) for each in deliveries], limit)


def actions_text(actions: Sequence[dict[str, Any]], *, limit: int) -> str:
    """List actions: when, who, what to which delivery, what became of it, and why."""
    return _listed([_action_line(each) for each in actions], limit)


def findings_text(findings: Sequence[dict[str, Any]], *, limit: int) -> str:
    """List findings: id, when, what, its code, where, who has raised it, and how it was closed."""
    return _listed([_finding_line(each) for each in findings], limit)


def standards_text(standards: Sequence[dict[str, Any]], today: date) -> str:
    """List standards: name and version, whether it is served today, validity, how many message types."""
    rows = [
        (
            f"{each['standard']} {each['version']}",
            _standing(each, today),
            _validity(each),
            counted(each["message_count"], "message type"),
        )
        for each in standards
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n".join(lines or ["There are none."])


def counted(count: int, what: str) -> str:
    """Say how many there are: `no files`, `1 file`, `2 files`."""
    return f"{count or 'no'} {what}{'' if count == 1 else 's'}"


def standard_text(standard: dict[str, Any], today: date) -> str:
    """Show a standard: title, namespace, validity, message types, schema files, code lists."""
    own = standard["standard"], standard["version"]
    titles = dict.fromkeys(standard["title"][language] for language in ("de", "en"))
    lines = [
        f"{' '.join(own)}: {' / '.join(titles)}",
        f"  namespace {standard['namespace']}",
        f"  valid {_validity(standard)}, {_standing(standard, today)} today",
        f"  header profile {standard['header_profile']}",
        "message types:",
    ]
    lines += [
        f"  {each['id']}  {each['direction']:4}  root {each['root']}  {each['title']['de']}"
        for each in standard["messages"]
    ]
    lines.append("schema files:")
    for each in standard["schemas"]:
        owner = each["standard"], each["version"]
        lines.append(f"  {each['file']}" + (f"  of {' '.join(owner)}" if owner != own else ""))
    lines.append("code lists:")
    lines += [
        f"  {each['uri']} {each['version']}  {'closed' if each['closed'] else 'open'}"
        for each in standard["code_lists"]
    ]
    return "\n".join(lines)


def senders_text(standards: Sequence[dict[str, Any]], days: int, today: date) -> str:
    """List versions, each with the clients that sent it: how many messages, when the last came in."""
    lines = []
    for each in standards:
        lines.append(f"{each['standard']} {each['version']}  {_standing(each, today)}  {_validity(each)}")
        lines += [
            f"  {sender['client']}  {sender['count']} in {days} days  last {sender['last_at']}"
            for sender in each["senders"]
        ] or [f"  nobody in {days} days"]
    return "\n".join(lines or ["There are none."])


def _standing(standard: dict[str, Any], today: date) -> str:
    if not standard["served"]:
        return "not served"
    last = standard["valid_until"]
    return "in grace" if last and last < today.isoformat() else "served"


def _validity(standard: dict[str, Any]) -> str:
    words = {"valid_from": "from", "valid_until": "until", "grace_until": "with a warning until"}
    days = [f"{word} {standard[name]}" for name, word in words.items() if standard[name]]
    return ", ".join(days) or "not enabled"


def _listed(lines: Sequence[str], limit: int) -> str:
    more = [f"… at most {limit}; --limit shows more"] if len(lines) == limit else []
    return "\n".join([*(lines or ["There are none."]), *more])


def _action_line(each: dict[str, Any]) -> str:
    what = f"{each['kind']} to {each['target']}" if each["target"] else each["kind"]
    line = f"{each['at']}  {each['operator']}  {what}  {each['delivery_id']}  case {each['case_id']}"
    return "  ".join([line, each["outcome"], *filter(None, [each["reason"]])])


def _finding_line(each: dict[str, Any]) -> str:
    named = {"case": each["case_id"], "delivery": each["delivery_id"], "by": each["raised_by"]}
    about = [f"{word} {value}" for word, value in named.items() if value]
    places = [each["code"], each["destination"] or each["tenant"], *about]
    closed = each["resolved_at"] and f"closed {each['resolved_at']} by {each['resolved_by'] or 'itself'}"
    return "  ".join([each["finding_id"], each["at"], each["kind"], *filter(None, [*places, closed])])


def _delivery_line(each: dict[str, Any]) -> str:
    when = f"since {each['updated_at']}"
    if each["state"] == "waiting":
        when = f"after no. {each['waits_for']}" if each["waits_for"] else f"due {each['due_at']}"
    line = (
        f"{each['delivery_id']}  {each['destination']}  {each['state']}  attempt {each['attempt']}  {when}  "
        f"case {each['case_id']} no. {each['case_seq']}"
    )
    wish = f"to {each['wished']}" + (f" to {each['target']}" if each["target"] else "")
    why = each["code"] or (each["last_outcome"] if each["state"] == "waiting" else None)
    return "  ".join([line, *filter(None, [why, wish if each["wished"] else None])])
