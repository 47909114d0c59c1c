from django.db import OperationalError


def waited_for_lock(error: OperationalError) -> bool:
    return "locked" in str(error)
