"""Makes the families of metrics that prometheus_client writes."""

from collections.abc import Iterable, Mapping
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric

from smbquic.observe.histogram import Histogram

PREFIX = "smbquic_"
Number = int | float
Samples = Iterable[tuple[tuple[str, ...], Number]]
"""Values, each with those of the labels."""


def counter(name: str, text: str, value: Number) -> Metric:
    """Return a counter without labels; its name gets ``_total``."""
    return CounterMetricFamily(PREFIX + name, text, value=value)


def gauge(name: str, text: str, value: Number) -> Metric:
    """Return a gauge without labels."""
    return GaugeMetricFamily(PREFIX + name, text, value=value)


def counters(name: str, text: str, label: str, values: Mapping[str, Number]) -> Metric:
    """Return a counter for each value of a label."""
    return counters_of(name, text, (label,), _with_one_label(values))


def gauges(name: str, text: str, label: str, values: Mapping[str, Number]) -> Metric:
    """Return a gauge for each value of a label."""
    return gauges_of(name, text, (label,), _with_one_label(values))


def _with_one_label(values: Mapping[str, Number]) -> Samples:
    return (((key,), value) for key, value in values.items())


def counters_of(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """Return a counter for each combination of values of some labels."""
    return _filled(CounterMetricFamily(PREFIX + name, text, labels=labels), samples)


def gauges_of(name: str, text: str, labels: tuple[str, ...], samples: Samples) -> Metric:
    """Return a gauge for each combination of values of some labels."""
    return _filled(GaugeMetricFamily(PREFIX + name, text, labels=labels), samples)


def _filled(family: CounterMetricFamily | GaugeMetricFamily, samples: Samples) -> Metric:
    for values, value in samples:
        family.add_metric(values, value)
    return family


def histograms(name: str, text: str, label: str, values: Mapping[str, Histogram]) -> Metric:
    """Return a histogram for each value of a label."""
    family = HistogramMetricFamily(PREFIX + name, text, labels=[label])
    for key, each in values.items():
        family.add_metric([key], _buckets(each), each.total)
    return family


def histogram(name: str, text: str, value: Histogram) -> Metric:
    """Return a histogram without labels."""
    return HistogramMetricFamily(
        PREFIX + name, text, buckets=_buckets(value), sum_value=value.total
    )


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    """Return the bounds, each with how many times were at most as long."""
    bounds = [*map(str, histogram.bounds), "+Inf"]
    return list(zip(bounds, map(float, accumulate(histogram.counts)), strict=True))
