"""Prints a new signing key, for `make setup`."""

import sys

from joserfc.jwk import RSAKey

sys.stdout.write(RSAKey.generate_key(3072).as_pem(private=True).decode())
