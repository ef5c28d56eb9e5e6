"""The recorded world: what a table answers and what it does not, views, permuted letters, splits, levels, costs."""

import asyncio
from pathlib import Path

import pytest

from router_r1 import RouterAgent, config
from router_r1.data.options import with_options
from router_r1.data.outcome_table import Outcome, OutcomeTable
from router_r1.data.questions import Question
from router_r1.data.splits import Split, split_of
from router_r1.errors import ConfigError, DataError
from router_r1.ledger import Ledger
from router_r1.model_cards import ModelCard
from router_r1.pool import Account
from router_r1.pricing import Price, cost_usd
from router_r1.testing import ScriptedPolicy
from router_r1.transport.messages import FailureKind
from router_r1_envs.worlds.base import Level, start
from router_r1_envs.worlds.recorded_world.answer_permutation import translate
from router_r1_envs.worlds.recorded_world.pool import as_booked
from router_r1_envs.worlds.recorded_world.settings import RecordedWorldConfig
from router_r1_envs.worlds.recorded_world.world import (
    RESPONSE_LENGTHS,
    RecordedWorld,
    open_recorded,
)
from router_r1_reward.metrics import grade

SHARED = Path(__file__).parents[4] / "shared" / "data"
OPTIONS = ("red", "green", "blue", "white")
PRICES = {"small": Price(input=1, output=1), "large": Price(input=10, output=10)}


def question(number: int, **changes) -> Question:
    fields = {"question": f"Which colour has number {number}?", "choices": OPTIONS, "answer": "C"}
    return Question(
        **{"id": f"q{number}", "metric": "choice", "category": "colours"} | fields | changes
    )


def outcome(number: int, model: str, answer: str | None = "C", **changes) -> Outcome:
    fields = {"text": f"Surely ({answer}).", "answer": answer, "score": float(answer == "C")}
    tokens = {"input_tokens": 40, "output_tokens": 10}
    return Outcome(**{"id": f"q{number}", "model": model} | fields | tokens | changes)


def world_of(questions, outcomes, **settings) -> RecordedWorld:
    cards = [ModelCard(name=name, price=price) for name, price in PRICES.items()]
    table = OutcomeTable(cards, questions, outcomes, source="colours")
    return RecordedWorld(table, RecordedWorldConfig(table="colours", **settings))


def colours(**settings) -> RecordedWorld:
    """Sixty questions; `large` is always right, `small` on every second; nobody answered q0 but `large`."""
    rows = [outcome(n, "large") for n in range(60)]
    rows += [outcome(n, "small", "C" if n % 2 else "A") for n in range(1, 60)]
    return world_of([question(n) for n in range(60)], rows, **settings)


def find(world: RecordedWorld, number: int) -> Question:
    every = [q for split in Split for q in world.questions(split)]
    return next(q for q in every if q.id == f"q{number}")


async def ask(world, asked, model, query="question", sample=0, ledger=None):
    account = Account(Ledger() if ledger is None else ledger)
    return await world.pool(asked).ask(model, query, account, sample_index=sample)


async def test_a_route_gets_the_recorded_text_at_the_recorded_cost() -> None:
    world = colours()
    ledger = Ledger()
    response = await ask(world, find(world, 1), "large", ledger=ledger)
    assert response.text == "Surely (C)."
    assert (response.usage.prompt, response.usage.completion) == (40, 10)
    assert response.cost_usd == pytest.approx(50 * 10 / 1e6)
    (entry,) = ledger
    assert (entry.cost_usd, entry.billed, entry.source) == (response.cost_usd, False, "replay")


async def test_tokens_that_are_guesses_are_guesses_in_the_ledger_too() -> None:
    rows = [outcome(n, name, estimated=name == "small") for n in range(60) for name in PRICES]
    world = world_of([question(n) for n in range(60)], rows)
    for name in PRICES:
        ledger = Ledger()
        await ask(world, find(world, 1), name, ledger=ledger)
        assert ledger.usage().estimated == (name == "small")


async def test_the_question_may_be_asked_by_name_or_in_its_words_and_nothing_else() -> None:
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
    # Near is another question, to which the table has no answer.
    others = ("Who painted the Mona Lisa?", "red", "?", "Which colour has number 2?")
    others += (
        "Which colour has number 1 in France?",
        "Which number 1 colour has red, green, blue?",
    )
    for query in others:
        response = await ask(world, asked, "large", query)
        assert response.failure.kind is FailureKind.NOT_RECORDED, query
    assert world.misses == {"large": len(others)}


async def test_what_is_not_recorded_is_a_counted_miss_that_costs_nothing() -> None:
    world = colours()
    ledger = Ledger()
    response = await ask(world, find(world, 0), "small", ledger=ledger)
    assert response.failure.kind is FailureKind.NOT_RECORDED
    assert (response.cost_usd, len(ledger)) == (0, 0)
    assert world.misses == {"small": 1}


async def test_asking_again_gets_the_next_sample_or_is_a_miss() -> None:
    rows = [outcome(n, "large") for n in range(60)]
    rows += [outcome(1, "small", "A"), outcome(1, "small", "B", sample=1)]
    world = world_of([question(n) for n in range(60)], rows)
    texts = [(await ask(world, find(world, 1), "small", sample=n)).text for n in range(3)]
    assert texts == ["Surely (A).", "Surely (B).", ""]
    assert world.misses == {"small": 1}


def test_an_episode_that_asks_one_candidate_twice_reads_so() -> None:
    world = colours(view="answer")
    asked = find(world, 1)
    episode = start(world, asked, world.levels[0])
    route = '<think>?</think><route model="large">question</route>'
    seen = []
    for _ in range(2):
        step = episode.step(route)
        pool = world.pool(asked)
        replies = [
            asyncio.run(pool.ask(c.model, c.query, sample_index=c.sample_index)) for c in step.calls
        ]
        seen.append(episode.observe(replies))
    assert "The answer is (C)." in seen[0]
    assert 'notice="not_recorded"' in seen[1]


async def test_several_candidates_can_be_asked_at_once() -> None:
    world = colours()
    asked = find(world, 2)
    policy = ScriptedPolicy(
        [
            '<think>?</think><route model="small">question</route><route model="large">question</route>',
            "<think>!</think><answer>C</answer>",
        ]
    )
    async with RouterAgent(policy=policy, pool=world.pool(asked), limits=world.limits) as agent:
        result = await agent.aask(asked.question)
    assert [o.response.text for o in result.trace.turns[0].outcomes] == [
        "Surely (A).",
        "Surely (C).",
    ]
    assert result.cost_usd == pytest.approx(50 * (1 + 10) / 1e6)


async def test_the_answer_view_shows_the_extracted_answer_and_no_more_of_the_text() -> None:
    rows = [outcome(n, "large") for n in range(60)] + [outcome(1, "small", None)]
    world = world_of([question(n) for n in range(60)], rows, view="answer")
    assert (await ask(world, find(world, 1), "large")).text == "The answer is (C). Longest."
    assert (await ask(world, find(world, 1), "small")).text.startswith("No answer. ")


async def test_the_answer_view_tells_how_long_a_response_is_as_this_candidates_go() -> None:
    def tokens(number: int, model: str) -> int:
        return 10 + number if model == "large" else 3000 - 10 * number

    rows = [
        outcome(n, model, output_tokens=tokens(n, model))
        for n in range(200)
        for model in ("large", "small")
    ]
    world = world_of([question(n) for n in range(200)], rows, view="answer")
    told = {
        model: [(await ask(world, find(world, n), model)).text.split()[-1] for n in range(200)]
        for model in ("large", "small")
    }
    assert told["large"] == sorted(told["large"], key=RESPONSE_LENGTHS.index)
    assert told["small"] == sorted(told["small"], key=RESPONSE_LENGTHS.index, reverse=True)
    for words in told.values():
        assert {words.count(word) for word in RESPONSE_LENGTHS} <= set(range(35, 66))


async def test_open_questions_are_answered_without_brackets() -> None:
    questions = [question(n, choices=None, answer="18", metric="math") for n in range(60)]
    rows = [outcome(n, "large", "18", score=1) for n in range(60)]
    world = world_of(questions, rows, view="answer")
    asked = find(world, 1)
    assert (await ask(world, asked, "large")).text == "The answer is 18. Longest."


async def test_permuted_digits_change_gold_answer_and_responses_alike_and_equal_numbers_stay_equal() -> (
    None
):
    gold = "$1,050.50"
    questions = [question(n, choices=None, answer=gold, metric="math") for n in range(60)]
    rows = [outcome(n, "large", "1050.5", score=1) for n in range(60)]
    rows += [outcome(n, "small", "-7.0", score=0) for n in range(60)]
    world = world_of(questions, rows, view="answer")
    asked = find(world, 1)
    seen = set()
    for seed in range(20):
        moved = world.permuted(asked, seed)
        assert moved == world.permuted(asked, seed), "the same seed gives the same digits"
        digits = moved.metadata["digits"]
        assert sorted(digits) == list("0123456789")
        assert digits[0] == "0"
        one, five, seven = (digits[d] for d in (1, 5, 7))
        assert moved.answer == f"${one},0{five}0.{five}0"
        right, wrong = [(await ask(world, moved, name)).text for name in ("large", "small")]
        assert right.startswith(f"The answer is {one}0{five}0.{five}. ")
        assert wrong.startswith(f"The answer is -{seven}.0. ")
        answers = moved.answers
        assert grade(f"{one}0{five}0.{five}", answers, "math") == 1
        assert grade(f"-{seven}.0", answers, "math") == 0
        seen.add(moved.answer)
    assert len(seen) > 10
    assert world.permuted(find(world, 2), 0).metadata != world.permuted(asked, 0).metadata


@pytest.mark.parametrize("other", ["Paris", "1/2", "3 km"])
def test_answers_that_are_not_plain_numbers_stay_as_they_are(other) -> None:
    questions = [question(n, choices=None, answer="18", metric="math") for n in range(60)]
    rows = [outcome(n, "large", "18", score=1) for n in range(60)]
    rows += [outcome(n, "small", other, score=0) for n in range(60)]
    world = world_of(questions, rows, view="answer")
    assert world.permuted(find(world, 1), 1) == find(world, 1)


async def test_permuted_letters_move_options_gold_answer_and_responses_alike() -> None:
    world = colours(view="answer")
    asked = find(world, 2)
    seen = set()
    for seed in range(20):
        moved = world.permuted(asked, seed)
        assert moved == world.permuted(asked, seed), "the same seed gives the same order"
        assert sorted(moved.choices) == sorted(OPTIONS)
        assert moved.choices["ABCD".index(moved.answer)] == "blue"
        assert f"({moved.answer}) blue" in moved.question
        right = (await ask(world, moved, "large")).text
        wrong = (await ask(world, moved, "small")).text
        assert right == f"The answer is ({moved.answer}). Longest."
        assert wrong == f"The answer is ({'ABCD'[moved.choices.index('red')]}). Longest."
        assert (moved.id, moved.category) == (asked.id, asked.category)
        seen.add(moved.answer)
    assert seen == set("ABCD")
    different = {world.permuted(find(world, n), 0).answer for n in range(1, 20)}
    assert len(different) > 1, "the order depends on the question too"


def test_letters_beyond_the_options_and_other_words_are_shown_as_they_are() -> None:
    world = colours(view="answer")
    moved = world.permuted(find(world, 2), 3)
    assert translate(moved, "J") == "J"
    assert translate(moved, "blue") == "blue"
    assert translate(find(world, 2), "A") == "A"


def test_recorded_texts_name_the_old_letters_so_they_are_not_permuted() -> None:
    world = colours()
    with pytest.raises(ConfigError, match="answer view only"):
        world.permuted(find(world, 1), 0)


def test_a_text_policy_reads_question_options_and_candidates() -> None:
    world = colours()
    asked = find(world, 1)
    opening = start(world, asked, world.levels[0]).opening
    assert opening[-1]["content"].endswith("number 1?\n(A) red\n(B) green\n(C) blue\n(D) white")
    assert "- small ($1.00 in" in opening[0]["content"]


def test_a_small_policy_reads_features_and_what_the_answer_is_worth() -> None:
    world = colours(view="answer", levels=(Level(name="high", worth_usd=0.01),))
    (message,) = start(world, find(world, 1), world.levels[0]).opening
    assert "worth $0.01" in message["content"]
    assert "category colours; options full; length" in message["content"]
    assert "Which colour" not in message["content"]


def test_lengths_fall_into_buckets_by_the_training_questions() -> None:
    questions = [question(n, question=f"{n} " + "long " * n) for n in range(200)]
    world = world_of(questions, [outcome(n, "large") for n in range(200)])
    buckets = [world.features(q).length for q in world.questions(Split.TRAIN)]
    assert set(buckets) == {1, 2, 3, 4}
    assert max(buckets.count(b) for b in buckets) < 2 * min(buckets.count(b) for b in buckets)
    fewer = question(500, choices=OPTIONS[:2])
    assert world.features(fewer).options == "fewer"
    assert world.features(question(500, choices=None)).options == "open"


def test_options_are_added_to_the_question_once() -> None:
    once = question(1, question=with_options(question(1)))
    assert with_options(once) == with_options(question(1))
    with pytest.raises(DataError, match="30 options; at most 26"):
        with_options(question(1, choices=tuple("x" * 30)))


# --- splits and levels


def test_every_question_is_in_the_split_its_id_gives_it() -> None:
    world = colours()
    for split in Split:
        assert world.questions(split)
        assert all(split_of(q.id) is split for q in world.questions(split))
    assert sum(len(world.questions(split)) for split in Split) == 60


def test_a_limited_split_is_a_fair_sample_and_the_same_each_time() -> None:
    first = colours().questions(Split.TRAIN)
    assert colours().questions(Split.TRAIN, 5) == first[:5]
    assert [q.id for q in first] != sorted((q.id for q in first), key=lambda i: int(i[1:]))
    assert colours(seed=1).questions(Split.TRAIN) != first


def test_the_same_question_in_two_splits_is_an_error_or_kept_once() -> None:
    splits = {n: split_of(f"q{n}") for n in range(1, 60)}
    twin = next(n for n in splits if splits[n] is not splits[1])
    questions = [question(n) for n in range(60)]
    questions[twin] = question(twin, question=question(1).question)
    rows = [outcome(n, "large") for n in range(60)]
    with pytest.raises(
        DataError,
        match=rf"colours: .*'q1'.*'q{twin}'.*same text.*set duplicates to 'first' .*, which keeps one of two questions$",
    ):
        world_of(questions, rows)
    kept = world_of(questions, rows, duplicates="first")
    ids = {q.id for split in Split for q in kept.questions(split)}
    assert ids == {f"q{n}" for n in range(60)} - {f"q{twin}"}


def test_a_metric_that_there_is_not_is_an_error_with_its_own_remedy() -> None:
    questions = [question(n, metric="recorded") for n in range(60)]
    rows = [outcome(n, "large") for n in range(60)]
    with pytest.raises(DataError, match=r"colours: .*'recorded'.*set graded to false") as refused:
        world_of(questions, rows)
    assert "duplicates" not in str(refused.value)
    assert world_of(questions, rows, graded=False)


def test_questions_with_one_text_and_different_options_are_different() -> None:
    questions = [question(n, question="Which?", choices=(str(n), "b", "c")) for n in range(60)]
    assert world_of(questions, [outcome(n, "large") for n in range(60)])


def test_too_few_questions_for_three_splits_is_an_error() -> None:
    with pytest.raises(ConfigError, match="no question falls into the"):
        world_of([question(1)], [outcome(1, "large")])


def test_the_default_levels_come_from_the_best_single_models_cost() -> None:
    world = colours()
    assert world.best_single == "large"
    assert world.reference_usd == pytest.approx(0.0005)
    assert [(level.name, level.worth_usd) for level in world.levels][:3] == [
        ("0.01", 0.05),
        ("0.03", 0.017),
        ("0.06", 0.0083),
    ]


@pytest.mark.parametrize(("other", "reference"), [(0.0, 1.0), (2.0, 0.0002)])
def test_the_dearest_model_is_the_reference_where_the_best_one_is_free(
    other: float, reference: float
) -> None:
    cards = [
        ModelCard(name="a", price=Price(input=0, output=0)),
        ModelCard(name="b", price=Price(input=other, output=other)),
    ]
    questions = [question(n) for n in range(60)]
    outcomes = [outcome(n, "a", score=1.0) for n in range(60)]
    outcomes += [outcome(n, "b", score=0.0, input_tokens=100, output_tokens=0) for n in range(60)]
    world = RecordedWorld(OutcomeTable(cards, questions, outcomes), RecordedWorldConfig(table="x"))
    assert world.best_single == "a"
    assert world.reference_usd == pytest.approx(reference)
    assert len(world.levels) == 7


def test_levels_of_one_name_are_an_error() -> None:
    settings = {"table": "colours", "levels": [{"name": "a"}, {"name": "a"}]}
    with pytest.raises(ConfigError, match="levels need different names, found a, a"):
        config.validate(RecordedWorldConfig, settings, "world")


def test_a_quote_covers_the_longest_recorded_answer() -> None:
    rows = [outcome(n, "large", output_tokens=3000) for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows)
    assert {card.name: card.max_output_tokens for card in world.cards} == {
        "small": 1024,
        "large": 3000,
    }


# --- costs of their own


@pytest.mark.parametrize(
    ("price", "tokens", "cost"),
    [
        (Price(input=1, output=4), (40, 10), 0.123),
        (Price(input=1, output=4), (40, 10), 0.0),
        (Price(input=0, output=0), (40, 10), 0.123),
        (Price(input=1, output=4), (0, 0), 0.123),
    ],
)
def test_an_outcome_with_a_cost_of_its_own_is_booked_at_it(price, tokens, cost) -> None:
    given = outcome(1, "small", input_tokens=tokens[0], output_tokens=tokens[1], cost=cost)
    usage, scaled = as_booked(given, price)
    assert cost_usd(usage, scaled) == pytest.approx(cost, rel=1e-12, abs=0)
    assert (usage.prompt, usage.completion) == tokens or usage.estimated


async def test_a_cost_of_its_own_reaches_ledger_and_response() -> None:
    rows = [outcome(n, "large", cost=0.7) for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows)
    ledger = Ledger()
    response = await ask(world, find(world, 1), "large", ledger=ledger)
    assert response.cost_usd == pytest.approx(0.7, rel=1e-12)
    assert ledger.cost_usd() == response.cost_usd
    assert ledger[0].price_version != PRICES["large"].version
    assert world.reference_usd == pytest.approx(0.7)


async def test_an_empty_recorded_text_is_an_empty_reply_that_costs() -> None:
    rows = [outcome(n, "large", text=" ") for n in range(60)]
    world = world_of([question(n) for n in range(60)], rows)
    response = await ask(world, find(world, 1), "large")
    assert response.failure.kind is FailureKind.EMPTY_REPLY
    assert response.cost_usd > 0


# --- real data


@pytest.mark.skipif(not (SHARED / "mmlu_pro").is_dir(), reason="the shared tables are not here")
def test_the_table_of_ten_models_is_a_world() -> None:
    with pytest.raises(DataError, match=r"'893'.*'894'"):
        open_recorded(RecordedWorldConfig(table=str(SHARED / "mmlu_pro")))
    settings = RecordedWorldConfig(
        table=str(SHARED / "mmlu_pro"), view="answer", duplicates="first"
    )
    world = open_recorded(settings)
    assert world.best_single == "gemini-1.5-pro-002"
    assert len(world.questions(Split.TEST)) > 1500
    assert len(world.levels) == 7
