"""The comparison of prompts: what counts as sensible, as copied, as valid; and that a run goes on where it stopped."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from router_r1.data.questions import Question, write_questions
from router_r1.episode import Limits
from router_r1.prompts import PromptContext, policy_messages
from router_r1.protocol import Route, render_turn
from router_r1.testing import Exchange, LoopbackServer, ScriptedPolicy, Served, chat_reply, usage

SCRIPT = Path(__file__).parents[3] / "scripts" / "bench" / "prompts.py"
sys.path.insert(0, str(SCRIPT.parent))

from prompts_bench.openings import OPENINGS  # noqa: E402
from prompts_bench.playing import Setting, play  # noqa: E402
from prompts_bench.sense import Sense  # noqa: E402
from prompts_bench.stand_in import CARDS  # noqa: E402

SUMS = tuple(
    Question(id=f"s{n}", question=f"What is {n} times 37?", answer=str(37 * n), metric="em")
    for n in range(2, 8)
)
SETTING = Setting(Limits(max_routes=1), SUMS)


@pytest.mark.parametrize("prompt", [policy_messages, *OPENINGS.values()])
def test_a_placeholder_a_description_and_the_example_are_no_queries(prompt) -> None:
    sense = Sense(SUMS[0].question, prompt, CARDS, PromptContext(4, 1, None))
    assert sense.of_query("Multiply 2 times 37.")
    assert sense.of_query("Is it odd?", read="The product is odd.")
    for query in (
        "a self-contained question for that model",
        "What is the question?",
        "Writes programs and solves mathematics.",
        "...",
    ):
        assert not sense.of_query(query), query


def test_what_the_example_asks_and_answers_is_a_copy() -> None:
    moons = "The moon Oru is 640 km wide, and the moon Besk is 65 km narrower. How wide is Besk?"
    sense = Sense("How wide is a road?", policy_messages, CARDS, PromptContext(4, 1, None))
    assert sense.of_answer("74") and not sense.of_answer("575 km")
    assert not sense.of_query(moons)


async def test_an_episode_is_judged() -> None:
    ask = render_turn("It may know.", [Route("scholar-400b", SUMS[0].question)])
    policy = ScriptedPolicy(["<think>hm", ask, render_turn("So.", answer="74")])
    row = await play(policy, "full", policy_messages, SUMS[0], 0, SETTING)
    assert (row.first, row.well_formed, row.sensible) == ("malformed", False, False)
    assert (row.valid, row.copied, row.correct, row.rounds) == (True, False, 1.0, 1)
    assert row.models == ("scholar-400b",) and "unclosed_tag" in row.problems
    copied = render_turn("?", [Route("swift-3b", "Writes programs and solves mathematics.")])
    policy = ScriptedPolicy([copied, render_turn("So.", answer="74")])
    row = await play(policy, "full", policy_messages, SUMS[0], 0, SETTING)
    assert (row.valid, row.copied, row.sensible) == (True, True, False)


def test_a_run_goes_on_where_it_stopped(tmp_path: Path) -> None:
    write_questions(tmp_path / "sums.jsonl", SUMS)
    down = True

    def handle(exchange: Exchange) -> Served:
        if down and len(server.exchanges) > 3:
            return Served({"error": {"message": "no"}}, status=400)
        return Served(chat_reply(render_turn("So.", answer="74"), usage=usage(9, 9)))

    server = LoopbackServer(handle)
    with server:
        command = [sys.executable, str(SCRIPT), str(tmp_path / "sums.jsonl"), "--concurrency", "1"]
        command += ["--out", str(tmp_path / "out.jsonl"), "--policy", f"m={server.base_url}"]
        stopped = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        assert stopped.returncode == 1 and "the same command goes on" in stopped.stderr
        down = False
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert len(server.exchanges) == len(SUMS) + 1
    (found,) = json.loads(done.stdout.splitlines()[-1])["results"]
    assert (found["episodes"], found["valid"], found["correct"]) == (6, 1.0, pytest.approx(1 / 6))
