"""What reaches a terminal or a pipe: text from outside holds no control sequence, no markup, nothing hidden."""

import io
import json
import logging
import re
import unicodedata
from pathlib import Path

import pytest
from rich.console import Console
from rich.table import Table

import router_r1
from router_r1 import FailureKind, terminal
from router_r1.commands.narrator import Narrator
from router_r1.episode import Call
from router_r1.protocol import Route, Turn
from router_r1.rollout import CallFinished, TurnWritten
from router_r1.transport.messages import Failure, Response

ATTACKS = {
    "colour": ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    "clear the screen": ("\x1b[2J\x1b[H4", r"\x1b[2J\x1b[H4"),
    "title": ("\x1b]0;root\x07", r"\x1b]0;root\x07"),
    "link (OSC 8)": ("\x1b]8;;http://evil\x1b\\x", r"\x1b]8;;http://evil\x1b\x"),
    "clipboard (OSC 52)": ("\x1b]52;c;cm0=\x07", r"\x1b]52;c;cm0=\x07"),
    "one-byte CSI": ("\x9b31m", r"\x9b31m"),
    "one-byte OSC": ("\x9d0;t\x9c", r"\x9d0;t\x9c"),
    "backspace": ("5\x084", r"5\x084"),
    "carriage return": ("5\r4", r"5\r4"),
    "NUL and DEL": ("\x00\x7f", r"\x00\x7f"),
    "override of direction": ("\u202e4321\u202c", r"\u202e4321\u202c"),
    "isolate of direction": ("\u2066x\u2069", r"\u2066x\u2069"),
    "marks of direction": ("\u200e\u200f\u061c", r"\u200e\u200f\u061c"),
    "zero width": ("4\u200b2\u200d\u2060\ufeff", r"4\u200b2\u200d\u2060\ufeff"),
    "separators": ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
    "next line (C1)": ("a\x85b", r"a\x85b"),
    "tags": ("\U000e0041", r"\U000e0041"),
    "lone surrogate": ("\ud800", r"\ud800"),
    "soft hyphen": ("pass\xadword", r"pass\xadword"),
}
ORDINARY = "Größe: 3 °C\n\t→ 北京, Привет, مرحبا, שלום, हिन्दी, 👍🏽 ❤️, e\u0301, C:\\new, a\u00a0b"


@pytest.mark.parametrize(("text", "shown"), ATTACKS.values(), ids=ATTACKS)
def test_hidden_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert terminal.printable(text) == shown


def test_ordinary_text_of_any_script_is_unchanged() -> None:
    assert terminal.printable(ORDINARY) == ORDINARY
    assert terminal.printable("a\r\nb") == "a\nb"


def test_no_control_or_bidirectional_character_of_unicode_is_left() -> None:
    for point in range(0x110000):
        char = chr(point)
        category, direction = unicodedata.category(char), unicodedata.bidirectional(char)
        control = category in ("Cc", "Zl", "Zp", "Cs") and char not in "\n\t"
        embeds = direction in ("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI")
        if control or embeds:
            assert char not in terminal.printable(char), hex(point)


@pytest.mark.parametrize("piece", ["\x1b[31m", "\u202e", "\x00", "a", "\r\n"])
def test_long_texts_take_linear_time(piece: str) -> None:
    assert terminal.printable(piece * 100_000).count("\x1b") == 0


def test_json_holds_the_exact_value_and_nothing_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"answer": [text for text, _ in ATTACKS.values()], "é": ORDINARY}
    for indent in (None, 2):
        terminal.echo_json(value, indent=indent)
        printed = capsys.readouterr().out
        assert json.loads(printed) == value
        assert terminal.printable(printed) == printed and "北京" in printed


def _console(*, is_terminal: bool) -> Console:
    return Console(
        file=io.StringIO(), force_terminal=is_terminal, highlight=False, soft_wrap=True, width=2000
    )


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


HOSTILE = "".join(text for text, _ in ATTACKS.values()) + "[red]not red[/red] :warning: [/] \\"


@pytest.mark.parametrize("is_terminal", [True, False])
def test_the_narrator_shows_thoughts_routes_replies_and_failures_as_data(is_terminal: bool) -> None:
    console = _console(is_terminal=is_terminal)
    narrate = Narrator(console)
    for piece in [text for text, _ in ATTACKS.values()] + [
        "[red]x[/red]",
        ":warning:",
        "[/]",
        "\\",
    ]:
        turn = Turn("", thought=piece, routes=(Route(piece, piece),))
        call = Call(piece, piece)
        narrate(TurnWritten(1, turn, (call,), ""))
        narrate(TurnWritten(1, turn, (), ""))
        narrate(CallFinished(1, call, Response(piece, cost_usd=0.0)))
        failure = Failure(FailureKind.BAD_REQUEST, piece)
        narrate(CallFinished(1, call, Response(failure=failure, cost_usd=0.0)))
    written = _written(console)
    own = re.sub("\x1b\\[[0-9;]*m", "", written) if is_terminal else written
    assert terminal.printable(own) == own
    assert "[red]x[/red]" in own and ":warning:" in own
    if is_terminal:
        assert "\x1b[31m" not in written  # the only sequences are the narrator's own styles


def test_a_cell_of_a_table_is_data() -> None:
    console = _console(is_terminal=False)
    table = Table()
    table.add_column("x", overflow="fold")
    table.add_row(terminal.styled(HOSTILE))
    console.print(table)
    written = _written(console)
    assert "[red]not red[/red] :warning: [/] \\" in written and "\x1b" not in written


def test_lines_are_escaped_on_both_streams(capsys: pytest.CaptureFixture[str]) -> None:
    terminal.echo(HOSTILE)
    terminal.echo(HOSTILE, err=True)
    captured = capsys.readouterr()
    assert captured.out == captured.err == terminal.printable(HOSTILE) + "\n"


def test_log_messages_are_escaped_where_nothing_configures_logging(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = logging._StderrHandler(logging.WARNING)  # type: ignore[attr-defined]  # as lastResort is
    monkeypatch.setattr(logging, "lastResort", handler)
    terminal.escape_log_messages()
    record = logging.LogRecord(
        "x", logging.WARNING, "", 0, "the server says %s", ("\x1b[2J",), None
    )
    handler.handle(record)
    assert capsys.readouterr().err == "the server says \\x1b[2J\n"


def test_no_module_prints_past_this_one() -> None:
    root = Path(router_r1.__file__).parents[1]
    own = {"router_r1/terminal.py"}
    found = [
        str(path.relative_to(root))
        for package in ("router_r1", "reward", "envs", "eval")
        for path in (root / package).rglob("*.py")
        if re.search(r"typer\.(?:secho|echo)\(|click\.s?echo\(|rich\.markup", path.read_text())
    ]
    assert set(found) <= own
