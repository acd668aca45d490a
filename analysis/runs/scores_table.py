"""A table of scores that another tool wrote: a CSV or parquet file, or a data frame, every cell taken at its word only.

Nothing is guessed: what could be read in two ways is refused, with its line and column.
"""

import csv
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analysis.errors import AnalysisError, reason
from analysis.runs.spreadsheet import unguarded
from analysis.runs.sweep import hint

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]

SUFFIXES: Final = (".csv", ".tsv", ".txt", ".parquet")

SUMMARIES: Final = frozenset(
    """all,average,avg,count,max,maximum,mean,mean sd,mean std,median,min,minimum,overall,sd,standard deviation,std,
    std dev,stdev,sum,total,var,variance,25%,50%,75%""".replace("\n    ", "").split(",")
)
"""Names of rows and classes that sum others up, in small letters."""

NO_CLASS: Final = frozenset(["background", "bg"])
"""Names of what is no class of the foreground."""

_MISSING: Final = frozenset({"", "nan", "na", "n/a", "null", "none", "-"})
_SEPARATORS: Final = ",;\t|"
_INVISIBLE: Final = "\u200b\u200c\u200d\u2060\ufeff"


@dataclass(frozen=True)
class ScoresTable:
    """Rows under headings.

    Attributes:
        name: the file's name, or what stands for it.
        frame: the cells; those of a CSV are text, so that a wrong one can be shown as it is.
        row: what a row is called in messages.
        numbers: the number of each row in messages.
        of_csv: whether names that begin as formulas do have an apostrophe before them.
    """

    name: str
    frame: "pd.DataFrame"
    row: str
    numbers: Sequence[int]
    of_csv: bool = False

    @property
    def headings(self) -> list[str]:
        """The headings, blanks around them taken off."""
        return [str(heading) for heading in self.frame.columns]

    def at(self, index: int) -> str:
        """Return where a row is, for a message."""
        return f"{self.row} {self.numbers[index]} of {self.name}"

    def column(self, name: str) -> "pd.Series[Any]":
        """Return the column under a heading.

        Raises:
            AnalysisError: there is none, or several have that heading.
        """
        known = self.headings
        places = [place for place, heading in enumerate(known) if heading == name]
        if not places:
            named = [heading for heading in known if heading]
            raise AnalysisError(
                f"There is no column '{name}' in {self.name}{hint(name, named)}; its columns are {', '.join(named)}."
            )
        if len(places) > 1:
            raise AnalysisError(
                f"The columns {' and '.join(str(place + 1) for place in places)} of {self.name} are both named "
                f"'{name}'; give each a name of its own."
            )
        return self.frame.iloc[:, places[0]]

    def ids(self, name: str) -> "pd.Series[Any]":
        """Return a column that tells rows apart, as text; blanks around and between words do not count.

        Raises:
            AnalysisError: as `column`, or a cell is empty or has what can't be shown.
        """
        column = self.column(name)
        text = column.astype("string")
        names = {word: cleaned(unguarded(word) if self.of_csv else word) for word in text.dropna().unique()}
        text = text.map(names).astype("string")
        blank = column.isna() | text.isna() | text.eq("")
        if blank.any():
            raise AnalysisError(
                f"The {self.at(int(blank.to_numpy(dtype=bool).argmax()))} has no value for '{name}'; every row needs "
                "one."
            )
        for word in text.unique():
            if not word.isprintable():
                place = int(text.eq(word).to_numpy(dtype=bool).argmax())
                raise AnalysisError(
                    f"The {self.at(place)} has {word!a} for '{name}', with a character that can't be shown; take "
                    "it out."
                )
        return text

    def members(self, name: str, kind: str) -> "pd.Series[Any]":
        """Return a column of ids whose rows are averaged, cases or classes.

        Raises:
            AnalysisError: as `ids`, or one is named as a summary of others, or as background, and would be averaged
                with them.
        """
        text = self.ids(name)
        known = list(text.unique())
        barred = SUMMARIES | NO_CLASS if kind == "class" else SUMMARIES
        # A class alone is averaged with nothing, whatever it is called.
        wrong = [word for word in known if _plain(word) in barred] if len(known) > 1 else []
        if wrong:
            place = int(text.eq(wrong[0]).to_numpy(dtype=bool).argmax())
            raise AnalysisError(
                f"The {self.at(place)} has '{wrong[0]}' for '{name}', which is no {kind} and would enter the mean; "
                f"take such rows out ({', '.join(wrong)}), or give the {kind} another name."
            )
        return text

    def scores(self, name: str) -> "Floats":
        """Return a column as floats, NaN where it says that the value is missing.

        Raises:
            AnalysisError: as `column`, or a cell is no finite number, or none has any.
        """
        import numpy as np
        import pandas as pd

        column = self.column(name)
        text = column.astype("string").str.strip()
        missing = (column.isna() | text.isna() | text.str.lower().isin(_MISSING)).to_numpy(dtype=bool)
        kind = pd.api.types
        if kind.is_numeric_dtype(column) and not (kind.is_bool_dtype(column) or kind.is_complex_dtype(column)):
            numbers = column.to_numpy(dtype=float, na_value=np.nan)
        else:
            # Of the text, in which a boolean is a word and no 1.
            plain = text.where(~missing).astype(object)
            numbers = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        wrong = ~(np.isfinite(numbers) | missing)
        if wrong.any():
            place = int(wrong.argmax())
            more = f" ({int(wrong.sum())} such in all)" if wrong.sum() > 1 else ""
            raise AnalysisError(
                f"The {self.at(place)} has '{column.iloc[place]}' for '{name}'{more}; expected a finite number with a "
                "decimal point, or nothing where it is missing."
            )
        if np.isnan(numbers).all():
            raise AnalysisError(f"The column '{name}' of {self.name} has no numbers; choose another.")
        return numbers


def cleaned(text: str) -> str:
    """Return a name without what the eye does not see: blanks around it and more than one between its words.

    >>> cleaned(" our\u00a0 net "), cleaned("e\u0301") == "\u00e9"
    ('our net', True)
    """
    return " ".join(unicodedata.normalize("NFC", text).strip(_INVISIBLE).split()).strip(_INVISIBLE)


def as_table(scores: "Path | str | pd.DataFrame") -> ScoresTable:
    """Take a file or a data frame as a table of scores.

    Raises:
        AnalysisError: the file is not there, is no table, or has a row with more or fewer cells than headings.
    """
    import pandas as pd

    if isinstance(scores, pd.DataFrame):
        return _table("the data frame", scores.reset_index(drop=True), "row", range(len(scores)))
    path = Path(scores)
    if not path.is_file():
        raise AnalysisError(f"There is no file {path}; expected a CSV or parquet file of per-case scores.")
    try:
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            return _table(path.name, frame, "row", range(1, len(frame) + 1))
        return _read_csv(path)
    except (OSError, ValueError, csv.Error) as error:
        raise AnalysisError(
            f"The file {path} can't be read as {'parquet' if path.suffix == '.parquet' else 'CSV'} ({reason(error)}); "
            "expected one row a case, under a line of headings."
        ) from error


def _table(name: str, frame: "pd.DataFrame", row: str, numbers: Sequence[int], *, of_csv: bool = False) -> ScoresTable:
    headings = [cleaned(unguarded(str(each)) if of_csv else str(each)) for each in frame.columns]
    return ScoresTable(name, frame.set_axis(headings, axis=1), row, numbers, of_csv)


def _read_csv(path: Path) -> ScoresTable:
    """Read a CSV; every row has a cell for each heading, or it is refused.

    Not by pandas, which takes the first column for an index where each row has a cell more than there are headings, as
    decimal and trailing commas make it, and fills up rows that are too short.
    """
    import pandas as pd

    with path.open(encoding="utf-8-sig", newline="") as file:
        text = file.read()
    unquoted = re.sub(r'"[^"]*"', "", re.split(r"[\r\n]", text, maxsplit=1)[0])
    separator = max(_SEPARATORS, key=unquoted.count)
    reader = csv.reader(StringIO(text, ""), delimiter=separator, skipinitialspace=True, strict=True)
    try:
        headings = _without_blank_end(next(reader, []))
        rows, lines, line = [], [], reader.line_num + 1
        for cells in reader:
            own = cells if len(cells) == len(headings) else _without_blank_end(cells)
            if len(own) > len(headings) or 0 < len(cells) < len(headings):
                raise AnalysisError(
                    f"The line {line} of {path.name} has {len(own)} cells ({separator.join(own)}) under "
                    f"{len(headings)} headings; expected one for each heading, parted by '{_shown(separator)}', and "
                    "numbers with a decimal point."
                )
            rows.append(own + [""] * (len(headings) - len(own)))
            lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from error
    if not headings:
        raise ValueError("its first line is empty")
    return _table(path.name, pd.DataFrame(rows, columns=pd.Index(headings), dtype=str), "line", lines, of_csv=True)


def _without_blank_end(cells: list[str]) -> list[str]:
    """Return cells without the empty ones at the end, which trailing separators make."""
    last = max((place for place, cell in enumerate(cells, start=1) if cell.strip()), default=0)
    return cells[:last]


def _shown(separator: str) -> str:
    return "tab" if separator == "\t" else separator


def _plain(word: str) -> str:
    """Return a name in small letters without signs between its words."""
    return " ".join(re.sub(r"[^\w%]|_", " ", word.casefold()).split())
