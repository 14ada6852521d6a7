"""Values that never reach a file: those of variables whose name looks like a secret's."""

import re

REDACTED = "<redacted>"
REDACTED_DIFFERS = "<redacted, differs>"

_SECRET = re.compile(
    r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASS|PASSWD|PASSWORD|PASSPHRASE|PWD|CREDENTIALS?|CRED|AUTH|AUTHORIZATION|JWT"
    r"|PRIVATE|COOKIE|SESSION|DSN|PAT|SIGNATURE|CONNECTION_STRING|DATABASE_URL)S?($|_)"
    r"|PASSWORD|PASSWD|SECRET|TOKEN(?!I[SZ])|CREDENTIAL|API_?KEY|ACCESS_?KEY",
    re.IGNORECASE,
)


def looks_secret(name: str) -> bool:
    """Whether an environment variable of that name is likely to hold a secret."""
    return name not in ("PWD", "OLDPWD") and _SECRET.search(name) is not None


def redacted(name: str, value: str | None) -> str | None:
    """The value as it may be written down; that a variable is unset is no secret."""
    return REDACTED if value is not None and looks_secret(name) else value


def redacted_beside(name: str, value: str | None, wanted: str | None) -> str | None:
    """A value that was seen, as it may be written down beside the one that was wanted."""
    if value is None or not looks_secret(name):
        return value
    return REDACTED if value == wanted else REDACTED_DIFFERS
