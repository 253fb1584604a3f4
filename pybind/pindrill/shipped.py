"""Files that come with pindrill and are no code: in its package, or in the repository that it runs from."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_IN_REPOSITORY = {"templates": "ci/templates", "docs": "docs"}


def shipped(folder: str) -> Path:
    """An editable install runs from the repository."""
    repository = _PACKAGE.parents[1] / _IN_REPOSITORY[folder]
    installed = _PACKAGE / folder
    return installed if installed.exists() else repository


def pages() -> dict[str, Path]:
    """Of the documentation, by name."""
    folder = shipped("docs")
    return {str(path.relative_to(folder).with_suffix("")): path for path in sorted(folder.rglob("*.md"))}


def title_of(page: Path) -> str:
    return page.read_text().partition("\n")[0].lstrip("# ")
