"""From the errors of serializers and validators to the entries of a validation-failed problem."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from rest_framework.exceptions import ErrorDetail
from rest_framework.settings import api_settings

from .catalog import FAULTS
from .errors import Fault

# What a URI fragment may hold as it is (RFC 3986 §3.5).
FRAGMENT_SAFE = "!$&'()*+,;=:@/?~"
MAX_POINTER = 200
# The codes of Django's and Django REST framework's own validators, in the words of the catalogue.
CODES = {
    "blank": "too_short",
    "date": "wrong_type",
    "datetime": "wrong_type",
    "does_not_exist": "not_found",
    "empty": "too_few",
    "incorrect_type": "wrong_type",
    "make_aware": "invalid_format",
    "max_decimal_places": "invalid_format",
    "max_digits": "too_large",
    "max_length": "too_long",
    "max_string_length": "too_long",
    "max_value": "too_large",
    "max_whole_digits": "too_large",
    "min_length": "too_short",
    "min_value": "too_small",
    "not_a_dict": "wrong_type",
    "not_a_list": "wrong_type",
    "null": "wrong_type",
    "null_characters_not_allowed": "invalid_format",
    "surrogate_characters_not_allowed": "invalid_format",
    "unique": "duplicate",
}


def faults_of(detail: Any, pointer: str = "#") -> Iterator[Fault]:
    """One for each place, the first that was found there."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            own = name == api_settings.NON_FIELD_ERRORS_KEY
            yield from faults_of(inner, pointer if own else f"{pointer}/{_escaped(str(name))}")
    elif isinstance(detail, list) and any(isinstance(item, (Mapping, list)) for item in detail):
        for position, inner in enumerate(detail):
            yield from faults_of(inner, f"{pointer}/{position}")
    elif isinstance(detail, list):
        for first in detail[:1]:
            yield from faults_of(first, pointer)
    elif isinstance(detail, ErrorDetail):
        yield _fault(pointer[:MAX_POINTER], detail)


def _fault(pointer: str, detail: ErrorDetail) -> Fault:
    if detail.code in FAULTS:
        return Fault(pointer, detail.code)
    return Fault(pointer, CODES.get(detail.code or "", "invalid_value"), str(detail))


def _escaped(name: str) -> str:
    """A reference token of a JSON pointer in a URI fragment (RFC 6901 §3 and §6)."""
    name = name.replace("~", "~0").replace("/", "~1")
    return quote(name.encode("utf-8", "replace"), safe=FRAGMENT_SAFE)
