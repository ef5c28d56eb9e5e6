"""report.html: what was measured, as one page that opens offline, and its figures beside it.

    read.py       results.json as typed values
    figures.py    cost and quality, differences, reward, the learning curve; on svg.py (lines, scales) and labels.py (names that do not overlap)
    tables.py     results, categories, calls
    episodes.py   a sample of traces to page through
    page.py       the sections, in order; page.html, page.css and page.js are its frame

Not covered: what is measured (`tournament.py`, `evaluate.py`).
"""

from router_r1_eval.report.page import write_report

__all__ = ["write_report"]
