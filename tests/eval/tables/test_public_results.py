"""Importers of benchmark results, on small made-up files in the layout of the public ones."""

import json
from pathlib import Path

import pytest

from router_r1.data.outcome_table import OutcomeTable
from router_r1.errors import ConfigError, DataError
from router_r1_eval.tables.check import check
from router_r1_eval.tables.importers import ImportOptions, read
from router_r1_eval.tables.importers.cards import user_cards

PRICES = ImportOptions(user_cards(["a=1,2", "b=0.5,0.5"], None))
PUBLISHED = ImportOptions(PRICES.cards, as_published=True)


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def lines(*rows: object) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def scores(table: OutcomeTable) -> dict[tuple[str, str], float]:
    return {(o.id, o.model): o.score for o in table}


def saved(table: OutcomeTable, folder: Path) -> OutcomeTable:
    """The table, written and read again, which must be able to pass the checks without a crash."""
    table.save(folder)
    check(table)
    return OutcomeTable.load(folder)


# --- ZeroEval


def zeroeval(folder: Path, **changes) -> Path:
    """Three tasks for model a; b has answered one question."""

    def row(task, key, question, gold, output, **more):
        name = "problem" if task == "math-l5" else "question"
        return {
            "id": key,
            "dataset": task,
            name: question,
            "answer": gold,
            "output": [output],
        } | more

    said = '```json\n{{"reasoning": "so", "answer": "{}"}}\n```'.format
    crux = [
        row("crux", "crux-test-#0", "assert f() == ??", "['x', 1]", said('[\\"x\\", 1]')),
        row("crux", "crux-test-#1", "assert g() == ??", "'abc'", said("abc")),
    ]
    crux[0] |= changes
    write(folder / "crux" / "a.json", crux)
    write(folder / "crux" / "b.json", [crux[1] | {"output": ["No idea."]}])
    write(folder / "crux.summary.json", [{"Model": "a"}])
    gsm = [row("gsm", "gsm8k-main-test-#7", "How many?", "# 1,800", said("$1800.00"))]
    maths = [
        row("math-l5", 0, "What is $x$?", "5", said("5/4")),
        row("math-l5", 1, "And $y$?", "6", said("6 sqrt(2)")),
    ]
    write(folder / "gsm" / "a.json", gsm)
    write(folder / "math-l5" / "a.json", maths)
    return folder


def test_zeroeval_is_graded_by_the_metrics_of_its_tasks(tmp_path) -> None:
    found = read("zeroeval", zeroeval(tmp_path / "results"), PRICES)
    table = saved(found.tables[""], tmp_path / "table")
    assert scores(table) == {
        ("crux/0", "a"): 1,
        ("crux/1", "a"): 1,
        ("crux/1", "b"): 0,
        ("gsm/7", "a"): 1,
        ("math-l5/0", "a"): 0,
        ("math-l5/1", "a"): 0,
    }
    metrics = {q.id: (q.metric, q.category, q.answer) for q in table.questions}
    assert metrics["crux/0"] == ("python_literal", "crux", "['x', 1]")
    assert metrics["gsm/7"] == ("math", "gsm", "1,800")
    unread = table.outcome("crux/1", "b")
    assert unread is not None and unread.short_answer is None and unread.estimated
    assert "1 of 6 outputs have no field 'answer'" in found.notes


def test_zeroeval_as_published_grades_as_its_scripts_do(tmp_path) -> None:
    table = read("zeroeval", zeroeval(tmp_path / "results"), PUBLISHED).tables[""]
    assert scores(table) == {
        ("crux/0", "a"): 0,  # the texts differ: other quotes
        ("crux/1", "a"): 1,
        ("crux/1", "b"): 0,
        ("gsm/7", "a"): 1,
        ("math-l5/0", "a"): 0,  # 1.25
        ("math-l5/1", "a"): 1,  # its first number
    }


def test_zeroeval_reads_the_options_of_mmlu_redux(tmp_path) -> None:
    row = {
        "id": "mmlu-redux-anatomy-#3",
        "dataset": "mmlu-redux",
        "question": "Which bone?",
        "choices": ["Radius", "Ulna"],
        "correct_answer": "Ulna",
        "config": "anatomy",
        "output": ['{"reasoning": "r", "answer": "B) Ulna"}'],
    }
    folder = tmp_path / "mmlu-redux"
    write(folder / "a.json", [row])
    table = read("zeroeval", folder, PRICES).tables[""]
    assert scores(table) == {("mmlu-redux-anatomy-#3", "a"): 1}
    assert scores(read("zeroeval", folder, PUBLISHED).tables[""]) == scores(table)
    (question,) = table.questions
    assert (question.answer, question.category) == ("B", "mmlu-redux anatomy")
    write(folder / "a.json", [row | {"correct_answer": "Femur"}])
    with pytest.raises(DataError, match=r"a.json: row 1: correct_answer 'Femur' is none of its 2"):
        read("zeroeval", folder, PRICES)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dataset": "zebra-grid"}, r"crux/a.json: row 1: its dataset is 'zebra-grid'; expected one of crux"),
        ({"output": 5.5, "answer": None}, r"row 1: the gold answer is missing"),
        ({"output": [{"a": 1}]}, r"row 1: the output"),
    ],
)  # fmt: skip
def test_broken_zeroeval_rows_are_named(tmp_path, changes, message) -> None:
    with pytest.raises(DataError, match=message):
        read("zeroeval", zeroeval(tmp_path / "results", **changes), PRICES)
    with pytest.raises(ConfigError, match="no price is known for b"):
        read("zeroeval", zeroeval(tmp_path / "results"), ImportOptions(user_cards(["a=1,2"], None)))


def test_zeroeval_models_have_the_same_questions(tmp_path) -> None:
    source = zeroeval(tmp_path / "results")
    rows = json.loads((source / "crux" / "a.json").read_text())
    write(source / "crux" / "b.json", [rows[0] | {"answer": "[2]"}])
    with pytest.raises(DataError, match=r"b.json: row 1: question crux/0 has another text or gold"):
        read("zeroeval", source, PRICES)


# --- reasoning-gym-eval


def gym(folder: Path, **changes) -> Path:
    """Two runs of a, easy and hard, and one of b; a has two samples on the easy question."""

    def completion(answer, score):
        text = f"<answer>{answer}</answer>" if answer else ""
        return {"model_answer": answer, "full_model_response": text, "score": score}

    def about(question, *completions):
        return {
            "name": "ab",
            "category": "algorithmic",
            "system_prompt": "Think.",
            "results": [
                {"question": question, "expected_answer": "A# B#", "completions": list(completions)}
            ],
        }

    easy = about("Easy?", completion("A#  B#", 1.0), completion("B#", 0.05))
    easy["results"][0] |= changes
    write(folder / "easy" / "x_a_20250315_163713" / "algorithmic" / "ab.json", easy)
    write(folder / "easy" / "x_a_20250315_163713" / "summary.json", {"total_datasets": 1})
    write(folder / "easy" / "x_a_20250315_163713" / "checkpoint.json", {})
    hard = about("Hard?", completion(None, 0.0))
    write(folder / "hard" / "x_a_20250408_121913" / "algorithmic" / "ab.json", hard)
    write(
        folder / "easy" / "y_b_20250315_181530" / "algorithmic" / "ab.json",
        about("Easy?", completion("A# B#", 1.0)),
    )
    return folder


def test_reasoning_gym_keeps_samples_and_the_verifiers_scores(tmp_path) -> None:
    found = read("reasoning-gym", gym(tmp_path / "zero-shot"), PRICES)
    table = saved(found.tables[""], tmp_path / "table")
    assert table.names == ("a", "b") and len(table) == 4
    easy, hard = table.questions
    assert easy.id.startswith("easy/ab/") and hard.id.startswith("hard/ab/")
    assert easy.answers == (
        "A# B#",
        "A#  B#",
    )  # the expected one, and one that the verifier accepted
    assert easy.metadata == {"level": "easy", "area": "algorithmic"}
    first, second = (table.outcome(easy.id, "a", sample=n) for n in (0, 1))
    assert first is not None and second is not None
    assert (first.score, second.score, second.answer) == (1.0, 0.05, "B#")
    assert first.input_tokens == 3 and first.estimated  # "Think.Easy?"
    assert "1 of 4 answers have partial credit" in found.notes
    assert any("1 answers have no text" in note for note in found.notes)


def test_a_part_of_reasoning_gym_can_be_read(tmp_path) -> None:
    source = gym(tmp_path / "zero-shot")
    table = read("reasoning-gym", source / "easy" / "y_b_20250315_181530", PRICES).tables[""]
    assert table.names == ("b",) and table.questions[0].id.startswith("easy/ab/")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"completions": None}, "ab.json: result 1: completions are no list"),
        ({"completions": [{"score": 1}]}, "ab.json: result 1: has no 'model_answer'"),
        ({"question": " "}, "ab.json: result 1: the question is missing"),
    ],
)
def test_broken_reasoning_gym_files_are_named(tmp_path, changes, message) -> None:
    with pytest.raises(DataError, match=message):
        read("reasoning-gym", gym(tmp_path / "zero-shot", **changes), PRICES)
    with pytest.raises(DataError, match=r"holds no RUN/CATEGORY/TASK.json"):
        read("reasoning-gym", write(tmp_path / "other" / "x.json", {}).parent, PRICES)


# --- QA-Eval

SYSTEMS = ("fid", "gpt35", "chatgpt", "gpt4", "newbing")


def qa_eval(folder: Path, **changes) -> Path:
    """One proper question, which Bing's answer has no verdict on, and an improper one."""

    def row(question, improper, **more):
        found = {"question": question, "golden_answer": "Olivia/MFSK", "improper": improper}
        for system in SYSTEMS:
            found |= {
                f"answer_{system}": f"{system} says Olivia.",
                f"judge_{system}": system != "fid",
            }
        return found | more

    rows = [row("Which movie?", True), row("Which mode?", False, judge_newbing=None) | changes]
    write(folder / "NQ.json", rows)
    return folder


def test_qa_eval_has_human_verdicts(tmp_path) -> None:
    found = read("qa-eval", qa_eval(tmp_path / "EVOUNA"))
    table = saved(found.tables[""], tmp_path / "table")
    assert scores(table) == {
        ("nq/1", "dpr+fid-large"): 0,
        ("nq/1", "text-davinci-003"): 1,
        ("nq/1", "gpt-3.5-turbo"): 1,
        ("nq/1", "gpt-4"): 1,
    }
    (question,) = table.questions
    assert question.answers[:3] == ("Olivia", "MFSK", "gpt35 says Olivia.")
    assert "fid says Olivia." not in question.answers
    assert table.card("gpt-4").price.output == 60
    assert "1 questions that the annotators call improper are dropped" in found.notes
    assert "1 answers have no verdict: they are missing cells" in found.notes
    kept = read("qa-eval", tmp_path / "EVOUNA" / "NQ.json", ImportOptions(as_published=True))
    assert [q.id for q in kept.tables[""].questions] == ["nq/0", "nq/1"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"judge_gpt4": "yes"}, "NQ.json: row 2: judge_gpt4 is 'yes'; expected a number"),
        ({"golden_answer": ""}, "NQ.json: row 2: golden_answer is missing"),
        ({"answer_fid": {"a": 1}}, "NQ.json: row 2: answer_fid"),
    ],
)
def test_broken_qa_eval_rows_are_named(tmp_path, changes, message) -> None:
    with pytest.raises(DataError, match=message):
        read("qa-eval", qa_eval(tmp_path / "EVOUNA", **changes))


# --- MMMU-Pro


def mmmu(folder: Path, **changes) -> Path:
    """Two settings for a; in the first b too, whose response names no option."""
    row = {
        "id": "test_History_1",
        "question": "What does <image 1> show, unlike <image 2>?",
        "options": "['Peace', 'It\\'s war', \"Trade\"]",
        "answer": "B",
        "subject": "History",
        "topic_difficulty": "Medium",
        "response": "Answer: B",
        "pred_indexs": "B",
        "if_right": True,
    }
    write(folder / "a_standard(10 options)_cot.jsonl", lines(row | changes))
    drawn = {"response": "Hard to say.", "pred_indexs": "B", "if_right": True}
    write(folder / "b_standard(10 options)_cot.jsonl", lines(row | drawn))
    write(
        folder / "a_vision_direct.jsonl", lines(row | {"options": ["Peace", "It's war", "Trade"]})
    )
    write(folder / "notes.jsonl", "{}")
    return folder


def test_mmmu_pro_draws_no_letter_and_has_a_table_for_each_setting(tmp_path) -> None:
    found = read("mmmu-pro", mmmu(tmp_path / "output"), PRICES)
    assert set(found.tables) == {"standard-10-options-cot", "vision-direct"}
    table = saved(found.tables["standard-10-options-cot"], tmp_path / "table")
    assert scores(table) == {("test_History_1", "a"): 1, ("test_History_1", "b"): 0}
    (question,) = table.questions
    assert question.choices == ("Peace", "It's war", "Trade") and question.answer == "B"
    assert question.metadata["images"] == ["test_History_1_1", "test_History_1_2"]
    answered = table.outcome("test_History_1", "a")
    assert answered is not None and answered.answer == "B"
    assert answered.input_tokens == 2 * 765 + 16
    (vision,) = found.tables["vision-direct"]
    assert vision.input_tokens == 765
    notes = "\n".join(found.notes)
    assert "standard-10-options-cot: 1 of 2 responses name no single option" in notes
    assert (
        "standard-10-options-cot: 1 scores differ from the published ones; they are graded again"
        in notes
    )


def test_mmmu_pro_as_published_keeps_the_recorded_scores(tmp_path) -> None:
    source = mmmu(tmp_path / "output")
    table = read("mmmu-pro", source, PUBLISHED).tables["standard-10-options-cot"]
    assert scores(table) == {("test_History_1", "a"): 1, ("test_History_1", "b"): 1}
    single = read("mmmu-pro", source / "a_vision_direct.jsonl", PRICES)
    assert list(single.tables) == [""]
    path = source / "a_vision_direct.jsonl"
    row = json.loads(path.read_text())
    del row["if_right"], row["pred_indexs"]
    write(path, lines(row))
    assert scores(read("mmmu-pro", path, PRICES).tables[""]) == {("test_History_1", "a"): 1}
    with pytest.raises(DataError, match=r"has no 'if_right'; run mmmu-pro/evaluate\.py"):
        read("mmmu-pro", path, PUBLISHED)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"options": "['a', 1]"}, r"cot.jsonl:1: options are \"\['a', 1\]\"; expected a list of texts"),
        ({"options": "__import__('os')"}, "cot.jsonl:1: options are .*; expected a list of texts"),
        ({"answer": "D"}, "cot.jsonl:1: the gold answer 'D' names none of 3 options"),
    ],
)  # fmt: skip
def test_broken_mmmu_pro_rows_are_named(tmp_path, changes, message) -> None:
    with pytest.raises(DataError, match=message):
        read("mmmu-pro", mmmu(tmp_path / "output", **changes), PRICES)


def test_a_response_that_is_an_error_is_an_empty_text(tmp_path) -> None:
    source = mmmu(tmp_path / "output", response={"error": "429"}, if_right=False)
    found = read("mmmu-pro", source, PRICES)
    answered = found.tables["standard-10-options-cot"].outcome("test_History_1", "a")
    assert answered is not None and (answered.text, answered.score) == ("", 0)


# --- BFCL

OLD = "gorilla_openfunctions_v1_test_simple_result.json"


def bfcl(folder: Path, failure: dict | None = None, summary: dict | None = None) -> Path:
    """Model a fails on the second of two questions; b is right on both, and its tokens are not recorded."""
    tokens = {"input_token_count": 117, "output_token_count": 19, "latency": 0.6}
    results = [
        {"id": "simple_0", "result": [{"area": '{"base": 10}'}]} | tokens,
        {"id": "simple_1", "result": "I cannot."} | tokens,
    ]
    write(folder / "result" / "a" / OLD, lines(*results))
    write(
        folder / "result" / "b" / OLD, lines(*({"id": r["id"], "result": "[f()]"} for r in results))
    )
    failed = {
        "id": 2,
        "valid": False,
        "prompt": {
            "id": "simple_1",
            "question": "Factorial of 5?",
            "function": {"name": "factorial"},
        },
    }
    lost = summary or {"accuracy": 0.5, "correct_count": 1, "total_count": 2}
    write(folder / "score" / "a" / "simple_score.json", lines(lost, failure or failed))
    write(
        folder / "score" / "b" / "simple_score.json", lines({"correct_count": 2, "total_count": 2})
    )
    write(folder / "result" / "a" / OLD.replace("simple", "java"), lines(results[0]))
    return folder


def test_bfcl_results_without_a_failure_are_right(tmp_path) -> None:
    found = read("bfcl", bfcl(tmp_path / "day"), PRICES)
    table = saved(found.tables[""], tmp_path / "table")
    assert scores(table) == {
        ("simple_0", "a"): 1,
        ("simple_1", "a"): 0,
        ("simple_0", "b"): 1,
        ("simple_1", "b"): 1,
    }
    assert (
        table.question("simple_1").question
        == 'Factorial of 5?\n\nFunctions:\n{"name": "factorial"}'
    )
    assert table.question("simple_0").question == "simple_0"
    right = table.outcome("simple_0", "a")
    assert right is not None and right.text == '[{"area": "{\\"base\\": 10}"}]'
    assert (right.input_tokens, right.output_tokens, right.estimated) == (117, 19, False)
    guessed = table.outcome("simple_0", "b")
    assert guessed is not None and guessed.estimated
    notes = "\n".join(found.notes)
    assert "1 of 2 questions have no text in the source" in notes
    assert "2 of 4 results have no token counts" in notes
    assert "1 files have no counterpart" in notes


def test_bfcl_failures_are_counted_from_one_where_they_are_numbers(tmp_path) -> None:
    table = read("bfcl", bfcl(tmp_path / "day", failure={"id": 1, "valid": False}), PRICES).tables[
        ""
    ]
    assert scores(table)["simple_0", "a"] == 0 and scores(table)["simple_1", "a"] == 1


def test_bfcl_of_later_versions_has_other_names_turns_and_nested_counts(tmp_path) -> None:
    folder = tmp_path / "v3"
    result = {
        "id": "live_simple_0-0-0",
        "result": [["f()"], ["g()"]],
        "input_token_count": [[10, 20], [30]],
        "output_token_count": [[1], [2]],
    }
    write(folder / "result" / "a" / "live" / "BFCL_v3_live_simple_result.json", lines(result))
    write(
        folder / "score" / "a" / "live" / "BFCL_v3_live_simple_score.json",
        lines({"correct_count": 0, "total_count": 1}, {"id": "live_simple_0-0-0", "valid": False}),
    )
    turns = [[{"role": "user", "content": "First?"}], [{"role": "user", "content": "Then?"}]]
    gold = write(tmp_path / "data.json", lines({"id": "live_simple_0-0-0", "question": turns}))
    table = read("bfcl", folder, ImportOptions(PRICES.cards, gold=gold)).tables[""]
    (outcome,) = table
    assert (outcome.score, outcome.input_tokens, outcome.output_tokens) == (0, 60, 3)
    assert table.questions[0].question == "First?\nThen?"


def test_bfcl_calls_may_hold_numbers_of_any_length(tmp_path) -> None:
    source = bfcl(tmp_path / "day")
    path = source / "score" / "a" / "simple_score.json"
    path.write_text(
        path.read_text().replace('"valid": false', f'"valid": false, "n": {"9" * 5000}')
    )
    assert len(read("bfcl", source, PRICES).tables[""]) == 4


@pytest.mark.parametrize(
    ("summary", "message"),
    [
        ({"correct_count": 2, "total_count": 3}, "has 2 results, but .*simple_score.json says 3"),
        (
            {"correct_count": 2, "total_count": 2},
            "says that 2 of 2 are right, but lists 1 failures",
        ),
        ({"accuracy": 1}, r"simple_score.json:1: has no 'correct_count'"),
    ],
)
def test_bfcl_files_that_contradict_each_other_are_errors(tmp_path, summary, message) -> None:
    with pytest.raises(DataError, match=message):
        read("bfcl", bfcl(tmp_path / "day", summary=summary), PRICES)


def test_bfcl_of_two_dates_is_an_error(tmp_path) -> None:
    bfcl(tmp_path / "all" / "2024-07-20")
    bfcl(tmp_path / "all" / "2024-08-11")
    with pytest.raises(DataError, match="keep one date in the folder"):
        read("bfcl", tmp_path / "all", PRICES)


# --- LiveCodeBench


def performances(path: Path, *rows: dict) -> Path:
    return write(path, {"performances": list(rows), "models": [], "date_marks": []})


def test_livecodebench_scores_are_shares_of_samples(tmp_path) -> None:
    row = {
        "question_id": "1873_A",
        "date": 1692662400000,
        "difficulty": "easy",
        "platform": "codeforces",
    }
    path = performances(
        tmp_path / "performances_generation.json",
        row | {"model": "a", "pass@1": 70.0},
        row | {"model": "b", "pass@1": 100.0},
    )
    found = read("livecodebench", path, PRICES)
    table = saved(found.tables[""], tmp_path / "table")
    assert scores(table) == {("1873_A", "a"): 0.7, ("1873_A", "b"): 1.0}
    (question,) = table.questions
    assert (question.question, question.category) == ("1873_A", "codeforces")
    assert question.metadata["date"] == "2023-08-22"
    assert "1 of 1 questions have no text in the source" in found.notes[0]
    gold = write(
        tmp_path / "gold.jsonl", lines({"question_id": "1873_A", "question_content": "Sort."})
    )
    known = read("livecodebench", path, ImportOptions(PRICES.cards, gold=gold)).tables[""]
    assert known.questions[0].question == "Sort."


def test_several_tests_of_a_problem_are_questions_of_their_own(tmp_path) -> None:
    folder = tmp_path / "mocks"
    test = {"question_id": "2727", "model": "a", "difficulty": "easy"}
    performances(
        folder / "performances_testgen.json",
        test | {"pass@1": 30.0},
        test | {"pass@1": 0.0},
        test | {"question_id": 5, "pass@1": 10},
    )
    performances(
        folder / "performances_execution.json",
        {"model": "a", "sample_id": "sample_0", "question_id": 2777, "Pass@1": 0.0},
    )
    tables = read("livecodebench", folder, PRICES).tables
    assert scores(tables["testgen"]) == {
        ("2727/1", "a"): 0.3,
        ("2727/2", "a"): 0.0,
        ("5", "a"): 0.1,
    }
    assert scores(tables["execution"]) == {("2777/sample_0", "a"): 0.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pass@1": 120}, "performance 1: pass@1 is 120; expected 0 to 100 percent"),
        ({"pass@1": None}, "performance 1: pass@1 is missing"),
        ({"date": 1e20}, "performance 1: the date is 1e[+]20; expected milliseconds"),
        ({"question_id": ""}, "performance 1: question_id is missing"),
    ],
)
def test_broken_livecodebench_rows_are_named(tmp_path, change, message) -> None:
    row = {"question_id": "1", "model": "a", "pass@1": 1.0, "date": 1692662400000}
    path = performances(tmp_path / "performances_repair.json", row | change)
    with pytest.raises(DataError, match=message):
        read("livecodebench", path, PRICES)
