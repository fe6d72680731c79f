"""Dates as they stand in names, tags and the time axes of data cubes. Standard library only."""

from __future__ import annotations

import datetime
import re

from .errors import BadInput

# A year, month and day with one separator or none, also where a time follows: 20210415T105021, 20210415105021.
_DATE = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.:/]?)(\d\d)\2(\d\d)(?!\d(?!\d{5}(?!\d)))")
_SINCE = re.compile(r"^\s*(\w+)\s+since\s+(\d{1,4})-(\d{1,2})-(\d{1,2})(?:[T\s]+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?")
_SECONDS = {
    "day": 86400.0,
    "d": 86400.0,
    "hour": 3600.0,
    "hr": 3600.0,
    "h": 3600.0,
    "minute": 60.0,
    "min": 60.0,
    "second": 1.0,
    "sec": 1.0,
    "s": 1.0,
    "millisecond": 1e-3,
    "ms": 1e-3,
    "microsecond": 1e-6,
    "us": 1e-6,
    "nanosecond": 1e-9,
    "ns": 1e-9,
}
_REAL_CALENDARS = ("", "standard", "gregorian", "proleptic_gregorian")


def date_in(text: str, where: str) -> str | None:
    """The first date in a text as ISO, such as ``2021-04-15``; None where there is none.

    Raises BadInput, which names `where`, if all that looks like a date is on no calendar.
    """
    impossible = ""
    for match in _DATE.finditer(text):
        try:
            return datetime.date(int(match[1]), int(match[3]), int(match[4])).isoformat()
        except ValueError:
            impossible = impossible or match[0]
    if impossible:
        raise BadInput(f"{where} has the date {impossible}, which does not exist: correct it.")
    return None


def unknown_date(what: str) -> BadInput:
    """What to raise where a raster nowhere says its date."""
    return BadInput(
        f"The date of {what} is unknown: put it into the file name (2021-04-15), or behind the path "
        "(clip.tif@2021-04-15)."
    )


def axis_date(value: str, units: str, calendar: str, where: str) -> str:
    """The ISO date of a value on a time axis.

    value: a number as text, or a date. units: such as ``seconds since 2018-08-04 10:50:22``; empty where the
    value is a date itself (CF conventions 1.11, section 4.4). Raises BadInput where this gives no date.
    """
    if not units.strip():
        date = date_in(value, where)
        if date is None:
            raise BadInput(f"The date of {where} is unknown: its time axis has the value {value} without units.")
        return date
    match = _SINCE.match(units)
    seconds = _SECONDS.get(match[1].lower(), _SECONDS.get(match[1].lower().rstrip("s"))) if match else None
    if match is None or seconds is None:
        raise BadInput(f"The dates of {where} cannot be read: its time axis has the units '{units}'.")
    if calendar.lower() not in _REAL_CALENDARS:
        raise BadInput(f"The dates of {where} cannot be read: its time axis has the calendar '{calendar}'.")
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[1:])
        origin = datetime.datetime(year, month, day, hour, minute, second)
        return (origin + datetime.timedelta(seconds=float(value) * seconds)).date().isoformat()
    except (ValueError, OverflowError):
        raise BadInput(f"{where} has the date {value} {units}, which does not exist: correct it.") from None
