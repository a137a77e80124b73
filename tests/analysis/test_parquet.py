"""Rows become Parquet files in the order in which questions read them soonest, and memory stays flat."""

from pathlib import Path

from pyarrow import parquet

from collector.analysis.parquet import Writer
from collector.analysis.rows import ItemRow


def test_items_are_sorted_by_message_as_far_as_memory_goes(tmp_path: Path) -> None:
    writer = Writer(tmp_path, "1.items.parquet", "items")
    great = "x" * (40 << 20)
    with writer:
        for number, message in enumerate(["d", "b", "c", "a", None]):
            writer.write([ItemRow(number, 1, message, message, None, great, None, 0)])
    table = parquet.read_table(tmp_path / "1.items.parquet", columns=["row_id", "message"])
    assert table.column("message").to_pylist() == ["b", "c", "d", "a", None]
    assert table.column("row_id").to_pylist() == [1, 2, 0, 3, 4]
    assert writer.written().rows == 5
