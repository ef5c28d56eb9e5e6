"""report.html: what was measured, as one page that opens offline, and its figures beside it.

    read.py       results.json as typed values
    plane.py      accuracy against cost; figures.py: differences, reward, the learning curve
    svg.py        what they draw with: lines, scales, colours; labels.py: names that do not overlap
    tables.py     results, caps on cost, levels, mixtures; maps.py: categories, who is asked; efficiency.py: calls of models
    episodes.py   a sample of traces to page through
    page.py       the sections, in order; page.html, page.css and page.js are its frame

Not covered: what is measured (`tournament.py`, `evaluate.py`).
"""

from router_r1_eval.report.page import write_report

__all__ = ["write_report"]
