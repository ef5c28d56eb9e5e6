"""report.html: the results of a comparison as one page that opens offline, with its figures as files beside it.

    page.py              the sections, in order; document.py: the HTML frame (page.html, page.css, page.js)
    sample_section.py    what the sample can show; settings_section.py: settings and versions

    cost_accuracy_figure.py     figure: accuracy against cost; cost_accuracy_caption.py: its caption
    differences.py       figure: differences to the best single model
    rewards.py           figure: mean rewards; row_chart.py: the frame that it shares with differences.py
    learning_curve.py    figure: metrics over training steps
    svg.py               drawings; scales.py: axes; labels.py: label placement; row_style.py: colours and markers

    results_table.py     table: every row at its main level; point_columns.py: the columns that tables share
    level_tables.py      tables: levels under a cost cap, all levels; mixture_tables.py: mixtures of levels or models
    heat_tables.py       tables: regret and accuracy by category, corpus metrics, candidates called
    efficiency_table.py  table: calls to each model; calls_table.py: episodes by number of calls
    markup.py            text as escaped markup; table.py: the markup of tables
    number_format.py     numbers as text; row_names.py: shortened names

    episodes.py          summaries and a sample of traces; episode_pager.py: their markup

Not covered: what is in results.json (`results.py`) and how it is measured (`tournament`, `run`).
"""
