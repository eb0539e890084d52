"""Reading a page of metrics."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families


class Page:
    """One answer of `/metrics`."""

    def __init__(self, text: str) -> None:
        """Take the answer's text."""
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value with exactly these labels, or None."""
        found = [sample.value for sample in self._samples if (sample.name, sample.labels) == (name, labels)]
        return found[0] if found else None

    def by(self, name: str, label: str) -> Mapping[str, float]:
        """Return the values of a metric that has this label, by it, without the zeros."""
        return {each.labels[label]: each.value for each in self._samples if each.name == name and each.value}

    def names(self, prefix: str) -> set[str]:
        """Return the names of the samples that begin so."""
        return {sample.name for sample in self._samples if sample.name.startswith(prefix)}
