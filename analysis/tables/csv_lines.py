"""A sheet as CSV: stored units, full precision, empty where missing."""

from analysis.cells import Record, csv_text, record
from analysis.published import PublishedRow
from analysis.tables.sheet import Sheet


def csv_lines(sheet: Sheet) -> str:
    """Return one line per class, variant and metric; with the paper's values where the sheet shows them."""
    papers = {(id(value.row)): (line.paper, value.metric.name) for line in sheet.lines for value in line.values}
    lines = []
    for source in sheet.sources:
        for rows in zip(*(table.rows for table in source.tables), strict=True):
            for row, table in zip(rows, source.tables, strict=True):
                line = record(row, table)
                if sheet.has_published:
                    line |= _published(*papers.get(id(row), (None, "")))
                lines.append(line)
    return csv_text(lines)


def _published(paper: PublishedRow | None, metric: str) -> Record:
    value = paper.values.get(metric) if paper else None
    return {
        "published": value.value if value else None,
        "published_doubtful": str(value.doubtful).lower() if value else None,
        "published_p": paper.p if paper and value and metric == "dice" else None,
        "published_variant": paper.variant if paper else None,
        "published_table": paper.table if paper else None,
    }
