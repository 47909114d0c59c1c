"""Python imports this at its start, if it is in its path: metrics are then told of nothing."""

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase


def _nothing(*_args: object, **_labels: object) -> None:
    pass


MetricWrapperBase.labels = lambda self, *_args, **_labels: self
for family, methods in {Counter: ["inc"], Gauge: ["inc", "dec", "set"], Histogram: ["observe"]}.items():
    for method in methods:
        setattr(family, method, _nothing)
