"""Conditional requests (RFC 9110 §13)."""

import re

from django.utils.http import parse_etags
from rest_framework.request import Request

VERSION_TAG = re.compile(r'"([1-9][0-9]{0,17})"')


def version_tag(version: int) -> str:
    return f'"{version}"'


def expected_versions(request: Request) -> frozenset[int] | None:
    """What If-Match asks for; None where any will do. Weak tags never match (§13.1.1)."""
    header = request.META.get("HTTP_IF_MATCH")
    if header is None:
        return None
    tags = parse_etags(header)
    if tags == ["*"]:
        return None
    return frozenset(int(match[1]) for tag in tags if (match := VERSION_TAG.fullmatch(tag)))


def is_current(request: Request, etag: str) -> bool:
    """Whether If-None-Match names what would be sent. Weak tags match too (§13.1.2)."""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    tags = parse_etags(header)
    return tags == ["*"] or etag in {tag.removeprefix("W/") for tag in tags}
