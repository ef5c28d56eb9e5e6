"""MMLU-Redux: questions of MMLU that people checked. Questions with an error are left out."""

from __future__ import annotations

from router_r1.data.questions import Question
from router_r1_eval.benchmarks.base import Benchmark, Hub, register
from router_r1_eval.benchmarks.questions import LETTER, lettered_choices
from router_r1_eval.benchmarks.rows import PART, SourceRow

SUBJECTS = [
    "abstract_algebra",
    "anatomy",
    "astronomy",
    "business_ethics",
    "clinical_knowledge",
    "college_biology",
    "college_chemistry",
    "college_computer_science",
    "college_mathematics",
    "college_medicine",
    "college_physics",
    "computer_security",
    "conceptual_physics",
    "econometrics",
    "electrical_engineering",
    "elementary_mathematics",
    "formal_logic",
    "global_facts",
    "high_school_biology",
    "high_school_chemistry",
    "high_school_computer_science",
    "high_school_european_history",
    "high_school_geography",
    "high_school_government_and_politics",
    "high_school_macroeconomics",
    "high_school_mathematics",
    "high_school_microeconomics",
    "high_school_physics",
    "high_school_psychology",
    "high_school_statistics",
    "high_school_us_history",
    "high_school_world_history",
    "human_aging",
    "human_sexuality",
    "international_law",
    "jurisprudence",
    "logical_fallacies",
    "machine_learning",
    "management",
    "marketing",
    "medical_genetics",
    "miscellaneous",
    "moral_disputes",
    "moral_scenarios",
    "nutrition",
    "philosophy",
    "prehistory",
    "professional_accounting",
    "professional_law",
    "professional_medicine",
    "professional_psychology",
    "public_relations",
    "security_studies",
    "sociology",
    "us_foreign_policy",
    "virology",
    "world_religions",
]


def convert(number: int, row: SourceRow) -> Question | None:
    """A question; None if it has an error."""
    if row.get("error_type") not in (None, "ok"):
        return None
    return lettered_choices("mmlu_redux", row, row.get("subject") or row.get(PART))


BENCHMARK = register(
    Benchmark(
        name="mmlu_redux",
        title="MMLU-Redux 2.0",
        area="knowledge",
        licence="CC BY 4.0",
        source="https://github.com/aryopg/mmlu-redux",
        hub=tuple(Hub("edinburgh-dawg/mmlu-redux-2.0", name, "test", name) for name in SUBJECTS),
        files=("mmlu_redux.json",),
        size=None,
        convert=convert,
        instruction=LETTER,
        one_file=True,
    )
)
