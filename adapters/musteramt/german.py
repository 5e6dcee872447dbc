"""Writes values the way Germans read them: days, moments, amounts and sizes."""

from datetime import date, datetime

from adapters.musteramt.statements import BERLIN


def day(value: date) -> str:
    """Write a day."""
    return f"{value:%d.%m.%Y}"


def moment(value: datetime) -> str:
    """Write a moment as the clock on the wall shows it."""
    return f"{value.astimezone(BERLIN):%d.%m.%Y, %H:%M} Uhr"


def amount(euros: str) -> str:
    """Write an amount that has two decimals and a point."""
    whole, _, cents = euros.partition(".")
    return f"{int(whole):,}".replace(",", ".") + f",{cents:0<2} €"


def size(count: int) -> str:
    """Write a number of bytes."""
    if count < 1000:
        return f"{count} Byte"
    number, unit = (count / 1_000_000, "MB") if count >= 999_950 else (count / 1000, "kB")
    return f"{number:.1f} {unit}".replace(".", ",")
