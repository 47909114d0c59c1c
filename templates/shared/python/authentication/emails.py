"""E-mail addresses: what counts as one, and when two are the same."""

import re
import string

# The HTML standard's pattern: what browsers accept in an input of type email.
EMAIL = re.compile(
    r"[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+"
    r"@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
    r"(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*"
)
_ASCII_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def normalise_email(email: str) -> str:
    """ASCII letters only: str.lower would make other letters (the Kelvin sign) into ASCII ones."""
    return email.translate(_ASCII_LOWER)
