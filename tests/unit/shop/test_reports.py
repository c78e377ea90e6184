from pathlib import Path

import pytest

from shop.models import Product
from shop.reports import ANY_REPORT, OWN_REPORT, ReportFile, clean, removable
from shop.services.reports import report


def files(*sizes: int) -> list[ReportFile]:
    """Report files from the oldest to the newest."""
    return [
        ReportFile(float(age), Path(f"report-{age}.csv"), size) for age, size in enumerate(sizes)
    ]


@pytest.mark.parametrize(
    ("sizes", "keep_files", "keep_bytes", "removed"),
    [
        pytest.param((1, 1, 1), 5, 100, [], id="within both bounds"),
        pytest.param((1, 1, 1), 2, 100, [0], id="too many: the oldest go"),
        pytest.param((60, 50, 40), 5, 95, [0], id="too large: the oldest go"),
        pytest.param((10, 500, 10), 5, 100, [1], id="a huge one goes, older small ones stay"),
        pytest.param((), 5, 100, [], id="nothing there"),
    ],
)
def test_removable(
    sizes: tuple[int, ...], keep_files: int, keep_bytes: int, removed: list[int]
) -> None:
    surplus = removable(files(*sizes), keep_files, keep_bytes)
    assert sorted(int(file.modified) for file in surplus) == removed


@pytest.mark.parametrize(
    ("pattern", "left"),
    [(ANY_REPORT, {"ledger.csv"}), (OWN_REPORT, {"ledger.csv", "report-archive.csv"})],
)
def test_cleaning_touches_reports_only(tmp_path: Path, pattern: str, left: set[str]) -> None:
    """And the service only those that it wrote."""
    names = {"report-1796142488646.csv", "report-archive.csv", "ledger.csv"}
    for each in names:
        (tmp_path / each).write_bytes(b"x" * 10)
    removed = len(names - left)
    assert clean(tmp_path, 0, 0, pattern) == (removed, removed * 10)
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_report_has_a_row_per_product_and_discount() -> None:
    tea = Product(sku="assam", name="Assam", category="tea", price_cents=1190)
    rows = report([tea]).splitlines()
    assert rows[1] == "assam,tea,0,1190,1000"
    assert len(rows) == 1 + 51
