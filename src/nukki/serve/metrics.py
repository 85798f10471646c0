"""What is counted, as text that Prometheus reads (prometheus.io, "Exposition formats")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

import nukki

__all__ = ["Histogram", "Metrics"]

_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
Labels = tuple[tuple[str, str], ...]


class Histogram:
    """How many values were at most each bound."""

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.total = 0
        self.sum = 0.0

    def add(self, value: float) -> None:
        """Count a value."""
        self.total += 1
        self.sum += value
        for place, bound in enumerate(_BOUNDS):
            if value <= bound:
                self.counts[place] += 1


class Metrics:
    """Requests by address and status, refusals by code, and times."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()
        self.refusals: Counter[str] = Counter()
        self.times: dict[str, Histogram] = {}
        self.waits = Histogram()
        self.works = Histogram()
        self.received = 0
        self.sent = 0

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered."""
        self.requests[path, status] += 1
        self.times.setdefault(path, Histogram()).add(seconds)

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Everything, one sample a line.

        Args:
            gauges: What is true at the moment: help and value by name.
        """
        return "\n".join((*self._lines(gauges), ""))

    def _lines(self, gauges: Mapping[str, tuple[str, float]]) -> Iterator[str]:
        yield from _head("nukki_info", "gauge", "the version that runs")
        yield _sample("nukki_info", (("version", nukki.__version__),), 1)
        yield from _head("nukki_requests_total", "counter", "requests that were answered")
        for (path, status), count in sorted(self.requests.items()):
            labels = ("path", path), ("status", str(status))
            yield _sample("nukki_requests_total", labels, count)
        yield from _head("nukki_refusals_total", "counter", "errors that were answered, by code")
        for code, count in sorted(self.refusals.items()):
            yield _sample("nukki_refusals_total", (("code", code),), count)
        for name, count in (("received", self.received), ("sent", self.sent)):
            yield from _head(f"nukki_{name}_bytes_total", "counter", f"bytes of bodies {name}")
            yield _sample(f"nukki_{name}_bytes_total", (), count)
        yield from _head("nukki_request_seconds", "histogram", "from first byte to last")
        for path, times in sorted(self.times.items()):
            yield from _histogram("nukki_request_seconds", (("path", path),), times)
        yield from _head("nukki_queue_seconds", "histogram", "time that orders waited")
        yield from _histogram("nukki_queue_seconds", (), self.waits)
        yield from _head("nukki_work_seconds", "histogram", "time that workers worked")
        yield from _histogram("nukki_work_seconds", (), self.works)
        for name, (text, value) in gauges.items():
            kind = "counter" if name.endswith("_total") else "gauge"
            yield from _head(f"nukki_{name}", kind, text)
            yield _sample(f"nukki_{name}", (), value)


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP {name} {text}"
    yield f"# TYPE {name} {kind}"


def _histogram(name: str, labels: Labels, values: Histogram) -> Iterator[str]:
    for bound, count in zip(_BOUNDS, values.counts, strict=True):
        yield _sample(f"{name}_bucket", (*labels, ("le", f"{bound:g}")), count)
    yield _sample(f"{name}_bucket", (*labels, ("le", "+Inf")), values.total)
    yield _sample(f"{name}_sum", labels, round(values.sum, 6))
    yield _sample(f"{name}_count", labels, values.total)


def _sample(name: str, labels: Labels, value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{inside}}} {value}" if inside else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
