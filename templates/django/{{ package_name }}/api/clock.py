"""Time and identity come from the application, so that they are the same with every database."""

import os
import time
from datetime import UTC, datetime
from uuid import UUID


def now() -> datetime:
    """The present moment, cut to the milliseconds that are stored and shown."""
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def new_id() -> UUID:
    """A UUID version 7 (RFC 9562): it begins with the time, so that primary keys grow."""
    value = (time.time_ns() // 1_000_000) << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 7 << 76  # version
    value = value & ~(0x3 << 62) | 2 << 62  # variant
    return UUID(int=value)
