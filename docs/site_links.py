"""Links that leave docs/, for the site: `mkdocs.yml` names this file as a hook.

On a code host `../cluster.yaml` is a link to a file of the repository. The site has no such file, so each file that a
page links to is copied into the site's folder `repository`; CHANGELOG.md and CONTRIBUTING.md become pages there. A link
to a folder becomes its name alone.
"""

import posixpath
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT: Final = Path(__file__).parents[1]
PLACE: Final = "repository"
"""Folder of the site for what lies beside docs/."""
PAGES: Final = ("CHANGELOG.md", "CONTRIBUTING.md")
LINK: Final = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """Add the files that pages link to outside of docs/."""
    from mkdocs.structure.files import File

    linked = {found for file in files.documentation_pages() for found in outside(file.content_string, file.src_uri)}
    for name in sorted({*PAGES, *linked}):
        if (ROOT / name).is_file():
            files.append(File.generated(config, f"{PLACE}/{name}", abs_src_path=str(ROOT / name)))
    return files


def on_page_markdown(markdown: str, page: "Page", config: "MkDocsConfig", files: "Files") -> str:
    """Let links lead to where the site has what they name."""
    return relinked(markdown, page.file.src_uri, {file.src_uri for file in files})


def relinked(markdown: str, page: str, there: set[str]) -> str:
    """Return a page's text with links that hold in the site.

    Args:
        markdown: the text.
        page: its place in the site.
        there: the places of all files of the site.
    """

    def link(found: re.Match[str]) -> str:
        text, target, anchor = found[1], named(found[2], page), found[3] or ""
        place = target.removeprefix("docs/") if target.startswith("docs/") else f"{PLACE}/{target}"
        place = place if place in there else f"{place}/README.md"
        if place in there:
            return f"[{text}]({posixpath.relpath(place, posixpath.dirname(page) or '.')}{anchor})"
        # A folder or a file that is not there: the latter stays, so that the build tells it.
        return f"`{target}`" if (ROOT / target).is_dir() else found[0]

    return LINK.sub(link, markdown)


def outside(markdown: str, page: str) -> set[str]:
    """Return what a page links to outside of docs/, by its place in the repository."""
    targets = {named(found[2], page) for found in LINK.finditer(markdown)}
    return {target for target in targets if not target.startswith(("docs/", "../"))}


def named(target: str, page: str) -> str:
    """Return the place in the repository that a page's link leads to."""
    own = page.removeprefix(f"{PLACE}/") if page.startswith(f"{PLACE}/") else f"docs/{page}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(own), target))
