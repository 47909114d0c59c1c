import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    count: int
    milliseconds_left: int

    @property
    def seconds_left(self) -> int:
        return max(1, math.ceil(self.milliseconds_left / 1000))
