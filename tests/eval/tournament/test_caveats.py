"""Caveats about a table: missing tokens, missing answers, repeated samples, and errors that the table check finds."""

import pytest

from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.splits import Split
from router_r1.errors import DataError
from router_r1_envs.worlds.recorded_world.world import RecordedWorld


def test_answers_without_output_tokens_are_noted(world_of, halves, hold) -> None:
    (note,) = hold(world_of(halves))["notes"]
    assert note.startswith("100% of the answers have no recorded output tokens")


def test_missing_answers_need_a_decision_and_are_noted(world_of, halves, hold) -> None:
    whole = world_of(halves)
    table = whole.table
    last = table.questions[-1].id
    kept = [o for o in table if (o.id, o.model) != (last, "c")]
    incomplete = OutcomeTable(table.cards, table.questions, kept, source="holed")

    def world(**settings) -> RecordedWorld:
        return RecordedWorld(incomplete, whole.settings.model_copy(update=settings))

    with pytest.raises(DataError, match=r"holed: 1 questions were not asked .*complete=true"):
        hold(world())
    left_out, free = hold(world(complete=True)), hold(world(complete=False))
    assert left_out["notes"][0].startswith("1 of 80 questions are left out")
    assert any("1 of" in note and "count as wrong and free" in note for note in free["notes"]) == (
        last in {q.id for q in world().questions(Split.TEST)}
    )
    assert last not in {q.id for split in Split for q in world(complete=True).questions(split)}


def test_repeated_samples_and_errors_of_the_table_are_noted(world_of, halves, hold) -> None:
    world = world_of(halves, size=200)
    table = world.table
    more = [
        Outcome(**o.model_dump(exclude={"sample", "text"}), sample=1, text="x" if o.score else "")
        for o in table
    ]
    twin = table.question("q1").model_copy(update={"id": "q0-again", "answer": "B"})
    same = [o.model_copy(update={"id": twin.id}) for o in table if o.id == "q1"]
    both = OutcomeTable(
        table.cards, [*table.questions, twin], [*table, *more, *same], source="both"
    )
    settings = world.settings.model_copy(update={"duplicates": "first"})
    notes = hold(RecordedWorld(both, settings))["notes"]
    assert notes[-1].startswith(
        "table check finds 1 errors in this table, the first: 1 questions have"
    )
    assert any(note.startswith("the first sample of a candidate is its answer") for note in notes)
