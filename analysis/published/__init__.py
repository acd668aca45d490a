"""The paper's own numbers, to be shown beside ours."""

from analysis.published.match import published_of
from analysis.published.values import PublishedRow, PublishedTable, PublishedValue, read_published

__all__ = ["PublishedRow", "PublishedTable", "PublishedValue", "published_of", "read_published"]
