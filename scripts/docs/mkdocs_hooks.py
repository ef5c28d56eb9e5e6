"""MkDocs hook: the Markdown files of the repository's root become pages of the site, with their links adapted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}
"""File in the root -> page of the site."""


def on_files(files: Any, config: Any) -> Any:
    """Add the pages. Called by MkDocs after it has listed the files in docs/."""
    from mkdocs.structure.files import File

    for name, page in PAGES.items():
        content = as_page((ROOT / name).read_text(encoding="utf-8"))
        files.append(File.generated(config, page, content=content))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Let pages in docs/ link to the files of the root. Called by MkDocs for every page."""
    for name, target in PAGES.items():  # the root is one folder above docs/
        markdown = re.sub(rf"\]\(\.\./((?:\.\./)*){re.escape(name)}", rf"](\1{target}", markdown)
    return markdown


def as_page(text: str) -> str:
    """A Markdown file of the root as a page in docs/: links lose the prefix `docs/`, and name pages of the site."""
    text = re.sub(r"\]\(docs/", "](", text)
    for name, page in PAGES.items():
        text = re.sub(rf"\]\({re.escape(name)}(?=[)#])", f"]({page}", text)
    return text
