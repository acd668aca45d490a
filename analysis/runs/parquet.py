"""Parquet files of one format: written whole, read together although their columns differ."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.errors import AnalysisError, reason
from simcvd.files import write_file

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMAT_VERSION: Final = 1
"""Raised when a column changes its meaning; new columns need no new version, older files read as missing there."""

FORMAT_KEY: Final = b"simcvd.format_version"

_THREADS: Final = min(8, os.cpu_count() or 1)


def is_missing(value: Any) -> bool:
    """Tell whether a value is None or NaN."""
    return value is None or value != value


def _schema(columns: Mapping[str, str]) -> "pa.Schema":
    import pyarrow as pa

    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])


def write_rows(
    path: Path, rows: Sequence[Mapping[str, Any]], base: Mapping[str, str], extra: Mapping[str, Any]
) -> Path:
    """Write rows of the `base` columns; `extra` columns of one row have their value's own type."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {
        name: pa.array([None if is_missing(value := row[name]) else value for row in rows], pa.type_for_alias(kind))
        for name, kind in base.items()
    }
    columns |= {name: pa.array([value]) for name, value in extra.items()}
    table = pa.table(columns).replace_schema_metadata({FORMAT_KEY: str(FORMAT_VERSION).encode()})
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer)
    write_file(path, buffer.getvalue().to_pybytes())
    return path


def read_files(paths: Sequence[Path], base: Mapping[str, str], columns: Sequence[str] | None) -> "pd.DataFrame":
    """Read files into one frame; `columns` None takes the base columns and whatever else the files have.

    Of `columns` that are not base columns, those are read that any file has.
    """
    import pandas as pd
    import pyarrow as pa

    expected = _schema(base)
    if columns is not None:
        expected = pa.schema([expected.field(name) for name in columns if name in base])
    more = None if columns is None else set(columns) - set(base)
    # Not pyarrow.dataset, which reads thousands of small files half as fast and keeps all their footers in memory.
    with ThreadPoolExecutor(max_workers=_THREADS) as threads:
        tables = list(threads.map(lambda path: _read(path, expected, more), paths))
    schema = _union(expected, {table.schema for table in tables})
    table = pa.concat_tables([schema.empty_table(), *(_conform(table, schema) for table in tables)])
    # Nullable integers, so that a missing label split or setting does not turn the others into floats.
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)
    return frame


def _read(path: Path, expected: "pa.Schema", more: set[str] | None) -> "pa.Table":
    """Read those of the expected and of `more` columns that a file has; None for `more` takes all columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, pre_buffer=False) as file:
            found = file.schema_arrow
            _check_format(path, found)
            there = set(found.names)
            known = [field for field in expected if field.name in there]
            extra = there - set(expected.names) if more is None else there & more
            schema = pa.schema([*known, *(found.field(name) for name in sorted(extra))])
            return _conform(file.read(schema.names, use_threads=False), schema)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _check_format(path: Path, schema: "pa.Schema") -> None:
    version = (schema.metadata or {}).get(FORMAT_KEY)
    if version is None:
        raise AnalysisError(
            f"The file {path} is no record of simcvd (it carries no format version); move it out of the results folder."
        )
    if not version.isdigit() or int(version) > FORMAT_VERSION:
        raise AnalysisError(
            f"The file {path} has record format {version.decode(errors='replace')}, "
            f"this simcvd reads up to {FORMAT_VERSION}; install the newer simcvd that wrote it."
        )


def _damaged(path: Path, error: Exception) -> AnalysisError:
    return AnalysisError(
        f"The record {path} can't be read ({reason(error)}); delete the files {path.name} in results/cases and "
        "results/trials and run the same command again to compute this trial anew."
    )


def _union(base: "pa.Schema", schemas: Iterable["pa.Schema"]) -> "pa.Schema":
    import pyarrow as pa

    kinds: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            kinds[field.name] = _common(kinds.get(field.name, pa.null()), field.type)
    extra = sorted(kinds.keys() - set(base.names))
    return pa.schema([*base, *((name, kinds[name]) for name in extra)])


def _common(first: "pa.DataType", second: "pa.DataType") -> "pa.DataType":
    import pyarrow as pa

    try:
        fields = [pa.schema([("value", kind)]) for kind in (first, second)]
        return pa.unify_schemas(fields, promote_options="permissive").field(0).type
    except pa.ArrowException:
        return pa.string()


def _conform(table: "pa.Table", schema: "pa.Schema") -> "pa.Table":
    import pyarrow as pa

    table = table.replace_schema_metadata(None)
    if table.schema == schema:
        return table
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
            continue
        column = table.column(field.name)
        if pa.types.is_nested(column.type) and field.type == pa.string():
            columns.append(pa.array([None if v is None else json.dumps(v) for v in column.to_pylist()], pa.string()))
        else:
            columns.append(column.cast(field.type))
    return pa.table(columns, schema=schema)
