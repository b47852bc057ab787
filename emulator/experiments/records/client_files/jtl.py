"""Reads JTL, the files of JMeter and of Taurus: CSV with a header, or XML.

A sample's time is its start, as `sampleresult.timestamp.start` of JMeter's own properties has it;
but its end where Taurus ran Locust, which is told by the column `method` (measured here).
The request's id is in a column or attribute `request_id` (JMeter's `sample_variables`), or, in XML,
in the response's headers where they were saved. Source: JMeter's user manual, "Listeners".
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat

from emulator.experiments.records.client_files.fields import (
    OWN_NAMES,
    Place,
    csv_lines,
    path_of,
    status,
)
from emulator.experiments.records.client_rows import ClientRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CSV_COLUMNS = frozenset({"timeStamp", "elapsed", "label", "responseCode", "success"})
XML_ROOT = "testResults"
_SAMPLES = frozenset({"httpSample", "sample"})
_CSV_NAME = {
    "ts": "timeStamp",
    "t": "elapsed",
    "lb": "label",
    "rc": "responseCode",
    "rm": "responseMessage",
    "s": "success",
    "na": "allThreads",
}
"""Column of each attribute of a sample in XML."""
_AT_END = "method"
"""Column of those files whose times are ends."""
_OWN = tuple(OWN_NAMES.values())


def read_csv(path: Path) -> Iterator[ClientRow]:
    """Yields a row for each sample.

    Raises:
        RunDirectoryError: a line is no sample; the message names the line.
    """
    for place, values in csv_lines(path):
        yield _row(values, place)


def read_xml(path: Path) -> Iterator[ClientRow]:
    """Yields a row for each outermost sample: those within are redirects and page parts.

    Raises:
        RunDirectoryError: the file is no XML, or an element no sample; the message names the line.
    """
    yield from _XmlSamples(path).rows()


class _XmlSamples:
    """Gathers samples with the lines they begin at."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._depth = 0
        self._element = ""
        self._texts: dict[str, str] = {}
        self._found: list[tuple[Place, dict[str, str]]] = []
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._begin
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._text

    def rows(self) -> Iterator[ClientRow]:
        try:
            self._parser.Parse(self._path.read_bytes(), True)
        except expat.ExpatError as error:
            raise Place(self._path, error.lineno).fault(
                f"it is no XML ({expat.ErrorString(error.code)})"
            ) from error
        for place, values in self._found:
            yield _row(values, place)

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        self._element = name
        if name in _SAMPLES:
            self._depth += 1
            if self._depth == 1:
                named = {_column(key): value for key, value in attributes.items()}
                place = Place(self._path, self._parser.CurrentLineNumber)
                self._found.append((place, named))
                self._texts = {}

    def _text(self, text: str) -> None:
        if self._depth == 1:
            self._texts[self._element] = self._texts.get(self._element, "") + text

    def _end(self, name: str) -> None:
        self._element = ""
        if name in _SAMPLES:
            self._depth -= 1
            if self._depth == 0:
                _, values = self._found[-1]
                values |= _of_headers(self._texts.get("responseHeader", ""))
                values.setdefault("URL", self._texts.get("java.net.URL", "").strip())
                values.setdefault("failureMessage", self._texts.get("failureMessage", "").strip())


def _column(attribute: str) -> str:
    """Returns the column's name; JMeter doubles the underscores of a variable's name in XML."""
    return _CSV_NAME.get(attribute, attribute.replace("__", "_"))


def _of_headers(text: str) -> dict[str, str]:
    lines = (line.partition(":") for line in text.splitlines())
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    return {own: headers[name] for name, own in OWN_NAMES.items() if name in headers}


def _row(values: Mapping[str, str], place: Place) -> ClientRow:
    """Returns a sample as a client row; a variable that JMeter did not set is `null` there."""
    own = {name: value if (value := values.get(name, "")) != "null" else "" for name in _OWN}
    success = place.text(values, "success").lower()
    if success not in ("true", "false"):
        raise place.fault(f"success must be true or false, not {success!r}")
    message = values.get("failureMessage") or values.get("responseMessage") or "not successful"
    took = place.number(values, "elapsed")
    return ClientRow(
        request_id=own["request_id"],
        start=(place.number(values, "timeStamp") - (took if _AT_END in values else 0.0)) / 1000,
        latency_ms=took,
        status=status(place.text(values, "responseCode")),
        start_kind=place.start_kind(own["start_kind"]),
        sandbox=own["sandbox"],
        users=int(place.number(values, "allThreads")) if values.get("allThreads") else 1,
        path=path_of(values.get("URL", ""), place.text(values, "label")),
        error="" if success == "true" else " ".join(message.split()),
    )
