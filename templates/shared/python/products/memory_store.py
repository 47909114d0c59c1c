import threading
import time

MAX_ENTRIES = 1000


class MemoryStore:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._generation = 0
        self._entries: dict[str, tuple[bytes, float]] = {}

    def generation(self) -> int:
        return self._generation

    def raise_generation(self) -> None:
        with self._lock:
            self._generation += 1
            self._entries.clear()

    def get(self, key: str) -> bytes | None:
        data, end = self._entries.get(key, (None, 0.0))
        return data if end > time.monotonic() else None

    def set(self, key: str, data: bytes, seconds: int) -> None:
        with self._lock:
            if len(self._entries) >= MAX_ENTRIES:  # the oldest half, to do so rarely
                for old in list(self._entries)[: MAX_ENTRIES // 2]:
                    del self._entries[old]
            self._entries[key] = (data, time.monotonic() + seconds)
