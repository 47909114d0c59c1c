import threading
import time

from .window import Window

SWEEP_EVERY_MILLISECONDS = 60_000


def _now() -> int:
    """Whole milliseconds: what is left of a window must never be rounded up beyond its length."""
    return time.monotonic_ns() // 1_000_000


class MemoryCounters:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._windows: dict[str, tuple[int, int]] = {}  # key: count, end
        self._next_sweep = 0

    def hit(self, key: str, seconds: int) -> Window:
        with self._lock:
            now = _now()
            if now >= self._next_sweep:
                self._windows = {k: w for k, w in self._windows.items() if w[1] > now}
                self._next_sweep = now + SWEEP_EVERY_MILLISECONDS
            count, end = self._windows.get(key, (0, 0))
            if end <= now:
                count, end = 0, now + seconds * 1000
            count += 1
            self._windows[key] = (count, end)
        return Window(count, end - now)

    def peek(self, key: str) -> Window:
        now = _now()
        count, end = self._windows.get(key, (0, 0))
        return Window(count if end > now else 0, end - now)

    def forget(self, key: str) -> None:
        with self._lock:
            self._windows.pop(key, None)

    def take_back(self, key: str) -> None:
        with self._lock:
            count, end = self._windows.get(key, (0, 0))
            if count > 0:
                self._windows[key] = (count - 1, end)

    def clear(self) -> None:
        with self._lock:
            self._windows.clear()
