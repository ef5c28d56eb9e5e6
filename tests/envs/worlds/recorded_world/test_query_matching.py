"""Which queries ask the question of the episode, and which do not."""

from router_r1.transport.messages import FailureKind


async def test_only_the_word_question_or_its_own_text_asks_the_question(colours, find, ask) -> None:
    world = colours()
    asked = find(world, 1)
    for query in (
        "question",
        "The question",
        asked.question,
        "which colour has the number 1",
        "Please answer this question: which colour has number 1?",
    ):
        assert (await ask(world, asked, "large", query)).ok, query
    assert not world.misses
    # Similar is not enough: the table has no answer to another question.
    others = ("Who painted the Mona Lisa?", "red", "?", "Which colour has number 2?")
    others += (
        "Which colour has number 1 in France?",
        "Which number 1 colour has red, green, blue?",
    )
    for query in others:
        response = await ask(world, asked, "large", query)
        assert response.failure.kind is FailureKind.NOT_RECORDED, query
    assert world.misses == {"large": len(others)}
