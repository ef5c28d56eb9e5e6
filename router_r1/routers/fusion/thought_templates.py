"""Thought templates: how similar questions were answered well, for the prompt of a candidate or of the policy.

The thought level of FusionFactory (arXiv:2507.10540). A template is distilled from the best answers of a training question,
or of several similar ones; the templates of the questions closest to a new one are put in front of it.

    templates = ThoughtTemplates.extract(table, exclude=test_questions)         offline: the best answer, cut
    templates = await ThoughtTemplates.distil(table, pool, "large", exclude=...)    a model writes them
    templates.save("runs/thoughts"); templates = ThoughtTemplates.load("runs/thoughts")
    templates.retrieve(question, 3)                                             the closest ones
    pool.ask("small", templates.with_thoughts(question, 3, window=card.context_window))

Other than the paper's code: validation and test questions are kept out by id and by text; an empty answer is counted as
what it is, a failure; final answers are taken out; what does not fit the window is left out, and said; the score is that
of the table alone, without a second ranking by a judge.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from router_r1.concurrency import for_each
from router_r1.conversation import Conversation
from router_r1.data.json_lines import located_json_lines, write_json_lines
from router_r1.data.outcome_table import OutcomeTable
from router_r1.data.questions import Question
from router_r1.errors import ConfigError, DataError
from router_r1.files import atomic_write, read_input, write_json
from router_r1.json_text import parse_json
from router_r1.pool import Account, ModelPool
from router_r1.routers.embedding import TFIDF, Embedding, make_embedding, text_of
from router_r1.routers.fusion.answer_removal import answers_of, without_answer
from router_r1.routers.fusion.best_answers import BestAnswers, best_answers, describe, question_key
from router_r1.routers.fusion.prompts import (
    FUSION_PROMPT_VERSION,
    distillation_messages,
    question_with_thoughts,
)
from router_r1.routers.libraries import Floats, Ints, need, np
from router_r1.token_prices import estimate_tokens

FORMAT = 1
"""Counts up when saved templates can no longer be read."""
MOST_CHARS = 600
"""Characters of a template, and of the question that is shown with it."""
_DISTILLED_CHARS = 2000  # of each answer that a model reads
_CONCURRENCY = 16


@dataclass(frozen=True)
class ThoughtTemplate:
    """Advice from one training question, or several similar ones."""

    id: str
    """The question that it is compared by."""
    question: str
    text: str
    sources: tuple[str, ...]
    """Ids of the questions it was distilled from."""
    keys: tuple[str, ...]
    """`question_hash` of these questions, so that they are recognised under other ids."""
    models: tuple[str, ...]
    """Whose answers it was distilled from."""


@dataclass
class ThoughtTemplates:
    """Templates, with the vectors of their questions."""

    templates: tuple[ThoughtTemplate, ...]
    embedding: str
    vectors: Floats
    """[t, d]"""
    counts: Counter[str] = field(default_factory=Counter)
    """What was used and left out, and why."""
    made_by: str = "extraction"
    """`extraction`, or the model that wrote them."""
    _embed: Embedding | None = field(default=None, repr=False)

    # --- making them

    @classmethod
    def extract(
        cls,
        table: OutcomeTable,
        *,
        exclude: Iterable[Question] = (),
        clusters: int = 0,
        embedding: str = TFIDF,
        most_chars: int = MOST_CHARS,
        seed: int = 0,
    ) -> Self:
        """Take the best answer itself, without its final answer, cut to a length. Calls no model.

        Args:
            table: the outcomes of training questions.
            exclude: questions to keep out, by id and by text.
            clusters: so many groups of similar questions get a template each; 0: every question gets one.
            embedding: by what questions are compared (`router_r1.routers.embedding`).
            most_chars: length of a template.
            seed: of the clusters.

        Raises:
            DataError: no answer is left.
        """
        counts: Counter[str] = Counter()
        groups = _Groups.of(table, exclude, clusters, embedding, seed, counts)
        texts = {}
        for place, group in enumerate(groups.members):
            best = group[0]
            removed = without_answer(best.outcomes[0].text, answers_of(best.question))
            texts[place] = _cut(removed, most_chars)
        return cls._of(groups, texts, counts, "extraction", answers=1, questions=1)

    @classmethod
    async def distil(
        cls,
        table: OutcomeTable,
        pool: ModelPool,
        model: str,
        *,
        exclude: Iterable[Question] = (),
        clusters: int = 0,
        embedding: str = TFIDF,
        most_chars: int = MOST_CHARS,
        seed: int = 0,
        account: Account | None = None,
        on_template: Callable[[float], None] = lambda _: None,
    ) -> Self:
        """Let a model write the templates, from up to three answers to each of up to three similar questions.

        A call that fails is counted and leaves its template out; it never becomes an empty one.

        Args:
            table: the outcomes of training questions.
            pool: has the model. Behind a record store, an interrupted distillation pays for nothing twice.
            model: its name.
            exclude: as in `extract`, like the next four.
            clusters: see there.
            embedding: see there.
            most_chars: see there.
            seed: see there.
            account: where the calls are booked.
            on_template: called with the dollars of each call.

        Raises:
            DataError: no answer is left, or every call failed.
            ConfigError: the pool has no such model, or it cannot be called.
        """
        counts: Counter[str] = Counter()
        pool.card(model)
        groups = _Groups.of(table, exclude, clusters, embedding, seed, counts)
        texts: dict[int, str] = {}

        async def write(place: int) -> None:
            group = groups.members[place][:_SHOWN_QUESTIONS]
            solved = [
                (
                    best.question.question,
                    [_cut(outcome.text, _DISTILLED_CHARS) for outcome in best.outcomes],
                )
                for best in group
            ]
            message = distillation_messages(solved)[0]["content"]
            response = await pool.ask(model, message, account)
            on_template(response.cost_usd or 0.0)
            if not response.ok:
                counts["failed distillations"] += 1
                texts[place] = ""
                return
            secret = [answer for best in group for answer in answers_of(best.question)]
            texts[place] = _cut(without_answer(response.text, secret), most_chars)

        await for_each(range(len(groups.members)), write, concurrency=_CONCURRENCY)
        return cls._of(groups, texts, counts, model, answers=3, questions=_SHOWN_QUESTIONS)

    @classmethod
    def _of(
        cls,
        groups: _Groups,
        texts: Mapping[int, str],
        counts: Counter[str],
        made_by: str,
        *,
        answers: int,
        questions: int,
    ) -> Self:
        """The templates of those groups that have a text."""
        kept = [place for place in range(len(groups.members)) if texts[place]]
        empty = len(groups.members) - len(kept) - counts["failed distillations"]
        if empty:
            counts["templates that were nothing but the answer"] = empty
        if not kept:
            raise DataError(f"no thought template could be made: {describe(counts)}")
        templates = []
        for place in kept:
            used = groups.members[place][:questions]
            models = dict.fromkeys(o.model for best in used for o in best.outcomes[:answers])
            first = used[0].question
            templates.append(
                ThoughtTemplate(
                    first.id,
                    _cut(first.question, MOST_CHARS),
                    texts[place],
                    tuple(best.question.id for best in used),
                    tuple(question_hash(best.question) for best in used),
                    tuple(models),
                )
            )
        counts["templates"] = len(templates)
        return cls(
            tuple(templates),
            groups.name,
            groups.vectors[kept],
            counts,
            made_by,
            groups.embed,
        )

    # --- using them

    @property
    def fingerprint(self) -> str:
        """A short hash of the templates: equal ones have equal hashes."""
        content = json.dumps([asdict(t) for t in self.templates], sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:12]

    def made_from(self, question: Question) -> bool:
        """Whether a template was made from this question, under this id or another."""
        key = question_hash(question)
        return any(question.id in t.sources or key in t.keys for t in self.templates)

    def retrieve(self, question: Question | str, k: int = 3) -> list[ThoughtTemplate]:
        """The k templates whose questions are closest by cosine, from the closest; at most all.

        Templates from this very question are left out, so that training questions can be asked too.

        Raises:
            ConfigError: k is below 1.
        """
        if k < 1:
            raise ConfigError(f"k must be 1 or more templates, got {k}")
        asked = question
        if isinstance(asked, str):
            asked = Question(id="-", question=asked, answer="-", metric="em")
        cosines = self.vectors @ self._embedding()([text_of(asked)])[0]
        own = question_hash(asked)
        order = np.argsort(-cosines, kind="stable")
        found = (self.templates[place] for place in order)
        return list(itertools.islice((t for t in found if own not in t.keys), k))

    def with_thoughts(
        self,
        question: Question | str,
        k: int = 3,
        *,
        text: str | None = None,
        window: int | None = None,
        reply: int = 0,
    ) -> str:
        """The text of a question with the closest templates in front of it, escaped as data.

        Args:
            question: what is asked.
            k: most templates.
            text: what the model is to read as the question, if that is more than its own text.
            window: tokens that the model reads, prompt and reply; the least similar templates that do not fit are left
                out, down to the question alone.
            reply: tokens of these that the reply may need.
        """
        if text is None:
            text = question if isinstance(question, str) else question.question
        found = [(t.question, t.text) for t in self.retrieve(question, k)]
        while found:
            whole = question_with_thoughts(text, found)
            if window is None or estimate_tokens(whole) + reply <= window:
                return whole
            found.pop()
        return text

    def in_conversation(
        self,
        conversation: Conversation,
        k: int = 3,
        *,
        window: int | None = None,
        reply: int = 0,
    ) -> Conversation:
        """A conversation whose last message of the user has the templates in front of it; other messages stay.

        Unchanged if that message is not a plain text.
        """
        places = [n for n, m in enumerate(conversation.messages) if m["role"] == "user"]
        if not places or not isinstance(conversation.messages[places[-1]].get("content"), str):
            return conversation
        last = places[-1]
        messages = list(conversation.messages)
        text = messages[last]["content"]
        others = sum(
            estimate_tokens(str(m.get("content") or ""))
            for m in [*messages[:last], *messages[last + 1 :]]
        )
        changed = self.with_thoughts(text, k, window=window, reply=reply + others)
        messages[last] = {**messages[last], "content": changed}
        return Conversation(
            tuple(messages), conversation.options, conversation.sampling, conversation.note
        )

    # --- files

    def save(self, folder: str | Path) -> None:
        """Write the templates to a folder, in formats that run no code when they are read."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        write_json_lines(folder / "templates.jsonl", map(asdict, self.templates))
        with atomic_write(folder / "vectors.npz") as path, path.open("wb") as file:
            arrays: dict[str, Any] = {
                f"embedding.{name}": a for name, a in self._embedding().arrays().items()
            }
            np.savez_compressed(file, vectors=self.vectors.astype(np.float32), **arrays)
        described = {
            "format": FORMAT,
            "embedding": self.embedding,
            "made_by": self.made_by,
            "prompt_version": FUSION_PROMPT_VERSION,
            "counts": dict(self.counts),
        }
        write_json(folder / "thoughts.json", described)  # last: a folder without it is none

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """Read what `save` wrote. Raises `DataError` for a folder of another version, or a damaged one."""
        folder = Path(folder)
        try:
            described = parse_json(read_input(folder / "thoughts.json"))
            with np.load(
                io.BytesIO(read_input(folder / "vectors.npz")), allow_pickle=False
            ) as read:
                arrays = {name: read[name] for name in read.files}
            if described["format"] != FORMAT:
                raise DataError(
                    f"{folder}: has format {described['format']}, this version reads {FORMAT}; make the templates again"
                )
            rows = [row for _, row in located_json_lines(folder / "templates.jsonl")]
            templates = tuple(
                ThoughtTemplate(
                    row["id"],
                    row["question"],
                    row["text"],
                    tuple(row["sources"]),
                    tuple(row["keys"]),
                    tuple(row["models"]),
                )
                for row in rows
            )
            vectors = arrays.pop("vectors").astype(np.float64)
            if len(vectors) != len(templates):
                raise DataError(f"{folder}: templates and vectors differ; make them again")
            name, counts = described["embedding"], Counter(described["counts"])
            found = cls(templates, name, vectors, counts, described["made_by"])
        except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile) as error:
            if isinstance(error, DataError):
                raise
            raise DataError(
                f"{folder}: holds no thought templates that can be read ({error!r}); make them with "
                f"scripts/data/thought_templates.py"
            ) from error
        found._embed = make_embedding(name)
        found._embed.restore({n.removeprefix("embedding."): a for n, a in arrays.items()})
        return found

    def _embedding(self) -> Embedding:
        if self._embed is None:
            raise ConfigError("these thought templates have no embedding; make or load them")
        return self._embed


def question_hash(question: Question) -> str:
    """A short hash of what two copies of a question share (`best_answers.question_key`)."""
    return hashlib.sha256(question_key(question).encode()).hexdigest()[:16]


_SHOWN_QUESTIONS = 3  # of a group, to the model that writes a template


@dataclass(frozen=True)
class _Groups:
    """Similar training questions with their best answers."""

    members: tuple[tuple[BestAnswers, ...], ...]
    """Of each group, from the most central one."""
    vectors: Floats
    """[groups, d] of the first member of each."""
    name: str
    embed: Embedding

    @classmethod
    def of(
        cls,
        table: OutcomeTable,
        exclude: Iterable[Question],
        clusters: int,
        embedding: str,
        seed: int,
        counts: Counter[str],
    ) -> _Groups:
        found = best_answers(table, exclude=exclude, counts=counts)
        embed, vectors = make_embedding(embedding).fit([text_of(b.question) for b in found])
        places = _clustered(vectors, clusters, seed) if clusters else np.arange(len(found))[:, None]
        members = tuple(tuple(found[i] for i in group) for group in places)
        # Rounded as in a file, so that loaded templates are retrieved in the same order.
        vectors = vectors.astype(np.float32).astype(np.float64)
        return cls(members, vectors[[group[0] for group in places]], embedding, embed)


def _clustered(vectors: Floats, clusters: int, seed: int) -> Sequence[Ints]:
    """The rows of each k-means cluster, from the closest to its centre."""
    cluster = need("sklearn.cluster", "routers")
    model = cluster.KMeans(min(clusters, len(vectors)), n_init=4, random_state=seed).fit(vectors)
    groups = []
    for number, centre in enumerate(model.cluster_centers_):
        rows = np.flatnonzero(model.labels_ == number)
        if len(rows):
            far = ((vectors[rows] - centre) ** 2).sum(1)
            groups.append(rows[np.argsort(far, kind="stable")])
    return groups


def _cut(text: str, most: int) -> str:
    """At most `most` characters, cut between words."""
    text = text.strip()
    if len(text) <= most:
        return text
    return f"{text[: most - 4].rsplit(None, 1)[0]} ..."
