"""Takes out of a text what names the user, before it is shown to others.

Better a folder too many than a name too few: what only looks like a user's folder is blanked as well.
"""

from __future__ import annotations

import getpass
import json
import re
from pathlib import Path
from urllib.parse import quote

_USER = "<user>"
_SECRET = "<blanked>"  # nosec B105 # what stands in a secret's place

# Between two folders: as they are, with the backslashes of JSON and of Python's repr, in a URL.
_BETWEEN = r"(?:[/\\]+|(?:%2F)+|(?:%5C)+)"
_ESCAPED = r"%(?!2F|5C)[0-9A-F]{2}|\\u[0-9A-F]{4}"
# A folder's name that more of the path follows may hold what would otherwise end it: an apostrophe, on
# Windows a space too.
_POSIX_NAME = rf"(?:[^\s/\\<>\":;|*?%]|{_ESCAPED})+(?={_BETWEEN})"
_WINDOWS_NAME = rf"(?:[^\r\n/\\<>\":|*?%]|{_ESCAPED}){{1,60}}(?={_BETWEEN})"
_LAST_NAME = rf"(?:[^\s/\\<>\":;|*?%'&,()\[\]{{}}]|{_ESCAPED})+"
_FOLDERS = re.compile(
    # C:\Users\Jane Doe\data, C:/Users/jane, C%3A%5CUsers%5Cjane
    rf"(?P<windows>[A-Z](?::|%3A){_BETWEEN}(?:Users|Documents(?: |%20)and(?: |%20)Settings){_BETWEEN})"
    rf"(?:{_WINDOWS_NAME}|{_LAST_NAME})"
    # /home/jane, /Users/jane, \\server\Users\jane, the disks that a desktop mounts for its user
    rf"|(?P<posix>{_BETWEEN}(?:home|homes|Users\$?|media){_BETWEEN})(?:{_POSIX_NAME}|{_LAST_NAME})",
    re.IGNORECASE,
)

# Lengths are bounded: a log can hold a line of a megabyte.
# user:password@ and user@ of a URL, and addresses of electronic mail.
_URL_LOGIN = re.compile(
    r"((?<![a-z0-9])[a-z][a-z0-9+.-]{0,30}(?:://|%3A%2F%2F))(?:[^\s/<>\"'?#%]|%(?!2F))+(?:@|%40)", re.IGNORECASE
)
_MAIL = re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]+\.[\w.-]*\w")

_NAMES = (
    r"[\w.-]{0,40}(?:api_?key|token|secret|passw(?:or)?d|signature|credential|accesskeyid|subscription-key)"
    r"|pwd|user(?:name)?"
)
# So short that they count in the query of a URL alone.
_QUERY_NAMES = r"key|sig|code|auth"
_VALUE = r"(?:'[^']*'|\"[^\"]*\"|(?:[^\s&<>\"'%]|%(?!26|20|22|27)[0-9A-F]{2})+)"
_SECRETS = re.compile(
    rf"(?P<name>(?:(?:[?&]|%3F|%26)(?:{_QUERY_NAMES})|(?:(?<![\w.-])|(?<=%3F)|(?<=%26))(?:{_NAMES}))(?:=|%3D))(?!<){_VALUE}"
    rf"|(?P<field>[\"'](?:{_NAMES})[\"']\s*:\s*)(?P<mark>[\"'])(?:\\.|(?!(?P=mark)).)*(?P=mark)"
    r"|(?P<header>\bAuthorization[\"']?\s*[:=]\s*[\"']?(?:(?:Basic|Bearer)\s+|(?!Basic|Bearer))|\bBearer\s+)[^\s\"'<]+",
    re.IGNORECASE,
)

# Names that say nothing of a person, or that are words of every log.
# fmt: off
_COMMON = {
    "admin", "administrator", "cover", "data", "debian", "default", "dev", "developer", "engine", "error", "fedora",
    "file", "flair", "gis", "guest", "home", "input", "land", "local", "map", "maps", "model", "name", "office",
    "osgeo", "output", "owner", "public", "python", "qgis", "root", "server", "settings", "student", "system",
    "temp", "test", "tester", "tile", "tiles", "ubuntu", "user", "users", "warning", "work", "worker",
}
# fmt: on
_SHORTEST_NAME = 3


def blank_user(text: str) -> str:
    """The text without home folders, user names and passwords.

    The home folder becomes ``~``, the user's name in anybody's folders ``<user>``, credentials in URLs
    and connection texts ``<blanked>``; also where paths are escaped as in JSON or in URLs. The name of the user
    who runs this is blanked as a word of its own too, unless it is short or common. Blanking twice changes nothing.
    """
    text = _URL_LOGIN.sub(lambda found: f"{found[1]}{_SECRET}@", text)
    text = _MAIL.sub(_SECRET, text)
    text = _SECRETS.sub(_without_secret, text)
    home = _home()
    if home is not None:
        text = _home_pattern(home).sub("~", text)
    text = _FOLDERS.sub(lambda found: (found["windows"] or found["posix"]) + _USER, text)
    for name in _own_names(home):
        text = re.sub(rf"(?<![^\W_])(?:{_spellings(name)})(?![^\W_])", _USER, text, flags=re.IGNORECASE)
    return text


def _without_secret(found: re.Match) -> str:
    if found["field"]:
        return f"{found['field']}{found['mark']}{_SECRET}{found['mark']}"
    return (found["name"] or found["header"]) + _SECRET


def _home() -> Path | None:
    """The home folder, None where there is none of the user's own."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    return home if home.is_absolute() and len(home.parts) > 1 else None


def _home_pattern(home: Path) -> re.Pattern:
    """The home folder in all its spellings; neither the end nor the beginning of another folder's name."""
    drive = re.escape(home.drive).replace(":", "(?::|%3A)")
    folders = "".join(f"{_BETWEEN}(?:{_spellings(folder)})" for folder in home.parts[1:])
    return re.compile(rf"(?:(?<![\w.~>-])|(?<=%[23][0-9A-F])){drive}{folders}(?![\w.-]*[\w-])", re.IGNORECASE)


def _spellings(name: str) -> str:
    """A pattern of a name as it is, as JSON and as a URL write it."""
    return "|".join(re.escape(each) for each in dict.fromkeys([name, json.dumps(name)[1:-1], quote(name)]))


def _own_names(home: Path | None) -> list[str]:
    """What the user is called here, as far as it tells something, the longest first."""
    found = {home.name} if home is not None else set()
    try:
        found.add(getpass.getuser())
    except (ImportError, KeyError, OSError):
        # No name in the environment, and none in the system's list, or a system without such a list.
        found.discard("")
    telling = [name for name in found if len(name) >= _SHORTEST_NAME and name.lower() not in _COMMON]
    return sorted(telling, key=len, reverse=True)
