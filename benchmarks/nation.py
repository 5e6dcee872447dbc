"""The arithmetic of a national load: what one application costs, times what a country sends."""

from collections.abc import Sequence

from benchmarks.figures import Figure

PEAK_PER_S = 500
MUNICIPALITIES = 11_000
A_DAY = 40
"""Applications of an average municipality on a working day: an assumption, to be replaced by one's own."""
WORKING_DAYS = 250
_CPU = "to_mailbox.cpu "
_BYTES = {"stored.write_ahead_log": "write-ahead log", "stored.tables_and_indexes": "tables and indexes"}


def nation(figures: Sequence[Figure]) -> str:
    """Write the table for `docs/performance.md`; empty where processor times could not be read."""
    cpu = {each.name.removeprefix(_CPU): each.value for each in figures if each.name.startswith(_CPU)}
    stored = {each.name: each.value for each in figures}
    if not any(cpu.values()) or not _BYTES.keys() <= stored.keys():
        return ""
    yearly = MUNICIPALITIES * A_DAY * WORKING_DAYS
    lines = [
        f"| | for each application | at {PEAK_PER_S} a second | {yearly / 1e6:.0f} million a year |",
        "| --- | ---: | ---: | ---: |",
        *(
            f"| processor: {name} | {ms:.2f} ms | {ms * PEAK_PER_S / 1000:.1f} cores | |"
            for name, ms in cpu.items()
            if name != "load"
        ),
        *(
            f"| {title} | {stored[name] / 1e3:.1f} kB | {stored[name] * PEAK_PER_S / 1e6:.1f} MB/s "
            f"| {stored[name] * yearly / 1e12:.2f} TB |"
            for name, title in _BYTES.items()
        ),
    ]
    return "\n".join(lines)
