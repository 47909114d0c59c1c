import select


def has_hung_up(descriptor: int) -> bool:
    """An idle connection has nothing to read but its end; to ask the server costs a round trip."""
    readable = select.poll()
    readable.register(descriptor, select.POLLIN)
    return bool(readable.poll(0))
