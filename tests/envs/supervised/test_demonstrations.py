"""Demonstrations for the generated world: copies, random explorations, the best of several by reward."""

from collections import Counter

from router_r1.data.splits import Split
from router_r1.episode import StopReason
from router_r1_envs.supervised.demonstrations import best_of, copy_examples, explorations
from router_r1_envs.worlds.generated_world.candidates import CANDIDATES
from router_r1_reward import RewardConfig, score


def test_explorations_are_reproducible_and_cover_all_candidates_and_levels(world):
    questions = world.questions(Split.TRAIN, 200)
    episodes, again = (list(explorations(world, questions, seed=1)) for _ in range(2))
    assert [e.transcript for e in episodes] == [e.transcript for e in again]
    other = explorations(world, questions, seed=2)
    assert [e.transcript for e in episodes] != [e.transcript for e in other]
    asked = Counter(o.model for e in episodes for turn in e.turns for o in turn.outcomes)
    assert all(asked[c.name] > 0.08 * asked.total() for c in CANDIDATES)
    budgets = Counter(e.limits.budget_usd for e in episodes)
    assert all(budgets[level.budget_usd] > 40 for level in world.levels)
    assert {e.stop_reason for e in episodes} == {StopReason.ANSWERED}


def test_best_of_keeps_the_best_exploration_of_each_question_where_one_earns_a_reward(world):
    reward = RewardConfig(alpha=0.5, reference_usd=world.reference_usd)
    questions = world.questions(Split.TRAIN, 60)
    first = {e.question: e for e in best_of(world, questions, reward, tries=1)}
    best = {e.question: e for e in best_of(world, questions, reward, tries=8)}
    gold = {q.question: q for q in questions}
    totals = [
        {n: score(e, gold[n].answers, "em", reward).total for n, e in kept.items()}
        for kept in (first, best)
    ]
    assert set(first) <= set(best) and len(best) < 60
    assert all(total > 0 for total in totals[1].values())
    # More tries never earn less, and mostly more.
    assert all(totals[1][n] >= totals[0][n] for n in first)
    assert len(best) > 1.5 * len(first)


def test_examples_hold_the_episode_and_mask_all_but_the_policys_tokens(
    tokenizer, episodes, examples
):
    for episode, example in zip(episodes[:50], examples[:50], strict=True):
        assert len(example.ids) == len(example.mask)
        learned = [i for i, mine in zip(example.ids, example.mask, strict=True) if mine]
        turns = "".join(record.turn.text for record in episode.turns)
        bare = "".join(tokenizer.decode(learned).split())
        assert bare == "".join(turns.split())
        assert len(example.ids) < 512


def test_copy_examples_repeat_their_prompt(tokenizer):
    for example in copy_examples(tokenizer, 50):
        learned = [i for i, mine in zip(example.ids, example.mask, strict=True) if mine]
        read = [i for i, mine in zip(example.ids, example.mask, strict=True) if not mine]
        assert learned[1:-1] == read[1:-1]
        assert tokenizer.decode(learned[:1]) == "<answer>"
