"""What is watched over a whole run is found, and nothing is that stands there by chance."""

from __future__ import annotations

import pytest

from scaffold.conformance.observing import SECRETS, Observations
from scaffold.conformance.openapi import OpenApi


@pytest.mark.parametrize(
    ("secret", "found"),
    [
        ("canary-password-1f6e", True),
        # A common password, which the check of those sends, in the id that a fuzzer likes best.
        ("000000000000", False),
        ("a1b2c3", False),
    ],
)
def test_a_secret_is_found_that_stands_nowhere_by_chance(secret: str, found: bool) -> None:  # noqa: FBT001 - a parameter
    observations = Observations(OpenApi.of_contract({"sample": True}))
    observations.secret("password", secret)
    observations.leaks("the log", f'{{"url.path": "/v1/orders/00000000-0000-0000-0000-000000000000", "a": "{secret}"}}')
    assert bool(observations.found[SECRETS]) is found
