"""Cuts a reply where it runs on into a second question, as models do that were not told to stop.

Some marks end any reply (a turn of the user, a token of the chat template). Others, such as "Question:", are cut at only
if an answer was stated before: a reply may begin by repeating its question.
"""

from __future__ import annotations

import re

_TURN = re.compile(
    r"<\|im_(?:start|end)\|>|<\|(?:eot_id|end_of_text|endoftext|user|start_header_id|endofturn|eom_id)\|>|<(?:end|start)_of_turn>|</s>"
    r"|<\uff5c(?:User|end▁of▁sentence)\uff5c>|<\|turn>|<turn\|>|\[/?INST\]|<<SYS>>"
    r"|^[^\S\n]{0,3}(?:\*\*|#{1,4}\s)?(?:Human|User|USER|HUMAN|### ?(?:Instruction|Input|Question|User|Human))\s?(?:\*\*)?\s?:",
    re.MULTILINE,
)
_INSTRUCTION = re.compile(r"^#{2,4} ?(?:Instruction|Input|User|Human)\b", re.MULTILINE)
_QUESTION = re.compile(
    r"^[^\S\n]{0,3}(?:\*\*|#{1,6}\s|__)?\s?(?:(?:new|next|another|follow-up|second)\s)?"
    r"(?:question|q|problem|exercise|example|task|query|input|frage|aufgabe|question|problème|exercice|pregunta|problema|ejercicio"
    r"|pergunta|questão|domanda|esercizio|vraag|fråga|spørgsmål|spørsmål|pytanie|zadanie|otázka|вопрос|задача|пример|питання|завдання"
    r"|soru|السؤال|سؤال|प्रश्न|câu hỏi|bài toán|pertanyaan|soal|问题|問題|题目|題目|问|問|質問|例题|例題|질문|문제)"
    r"\s?(?:\#?\d{1,3}|[一二三四五])?\s?(?:\*\*|__)?\s?[:：](?!\S{0,3}\\boxed)"
    r"|^[^\S\n]{0,8}(?:(?:new|next|another|follow-up|second)\s)?(?:question|problem|exercise|example|task|query)"
    r"(?:\s\#?\d{1,3})?[^\S\n]{0,8}$",
    re.IGNORECASE | re.MULTILINE,
)
# "Now, combining all the answers:" is how models go on that were shown examples.
_SUMMARY = re.compile(
    r"^Now,? (?:let['’]?s\s?)?(?:combin|consider|summar|list|总结)[^\n]{0,60}(?:answers|答案)",
    re.MULTILINE,
)


def turn_end(text: str) -> int:
    """Where another turn begins, whatever was said before; the length of the text if nowhere.

    Text that begins with a mark of a turn is the model's own turn.
    """
    marks = []
    if "<" in text or "[" in text or (":" in text and "\n" in text):
        marks.append(_TURN)
    if "##" in text:
        marks.append(_INSTRUCTION)
    end = len(text)
    begin = end - len(text.lstrip()) if marks else 0
    for mark in marks:
        end = min(end, next((m.start() for m in mark.finditer(text) if m.start() > begin), end))
    return end


def question_starts(text: str) -> list[int]:
    """Where lines begin that look like a new question."""
    if "\n" not in text:
        return []
    found = [*_QUESTION.finditer(text), *_SUMMARY.finditer(text)]
    return sorted(match.start() for match in found if match.start() > 0)
