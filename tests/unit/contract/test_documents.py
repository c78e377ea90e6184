"""The published documents are the ones that the code makes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ooda.common.bus.documents import event_schemas, report_schemas, service_documents

DOCS = Path(__file__).parents[3] / "docs"


@pytest.mark.parametrize(
    ("folder", "made", "command"),
    [
        ("events", event_schemas, "ooda-bootstrap schemas --out docs/events"),
        ("reports", report_schemas, "ooda-bootstrap reports --out docs/reports"),
        ("asyncapi", service_documents, "ooda-bootstrap asyncapi --out docs/asyncapi"),
    ],
)
def test_documents(folder: str, made: Callable[[], dict[str, str]], command: str) -> None:
    committed = {path.name: path.read_text() for path in (DOCS / folder).glob("*.json")}
    documents = made()
    assert committed.keys() == documents.keys(), f"make them again: {command}"
    for name, text in documents.items():
        assert committed[name] == text, f"{name} is not up to date; make it again: {command}"
