"""Features of a question: buckets of length, kinds of options."""

from router_r1.data.splits import Split


def test_buckets_of_length_hold_about_as_many_training_questions_each(
    question, outcome, world_of
) -> None:
    questions = [question(n, question=f"{n} " + "long " * n) for n in range(200)]
    world = world_of(questions, [outcome(n, "large") for n in range(200)])
    buckets = [world.features(q).length for q in world.questions(Split.TRAIN)]
    assert set(buckets) == {1, 2, 3, 4}
    assert max(buckets.count(b) for b in buckets) < 2 * min(buckets.count(b) for b in buckets)
    fewer = question(500, choices=("red", "green"))
    assert world.features(fewer).options == "fewer"
    assert world.features(question(500, choices=None)).options == "open"
