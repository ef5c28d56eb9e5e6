"""Groups of questions that are alike: their categories, or clusters of their texts where a table has no categories.

Tables by category are the start of everything that the planner and small policies know. Traffic often has no
categories; then k-means on the texts of the training questions makes groups. A question whose category no training
question has belongs to the group whose texts are most like its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from router_r1.data.questions import Question
from router_r1.routers.embedding import TFIDF, make_embedding, text_of

if TYPE_CHECKING:
    import numpy as np

NO_CATEGORY = "none"
"""The group of questions without a category, where others have one."""
_QUESTIONS_OF_A_CLUSTER = 60
_MOST_CLUSTERS = 48


class QuestionGroups:
    """The groups of a table; fitted on its training questions."""

    def __init__(self, train: Sequence[Question]) -> None:
        """
        Args:
            train: the training questions.
        """
        self._train = tuple(train)
        self._found: dict[str, str] = {}
        """Question -> group, of those that are not in the group of their category."""
        self._centres: Any = None
        named = sorted({question.category for question in train if question.category})
        self._clustered = not named and len(train) >= 2 * _QUESTIONS_OF_A_CLUSTER
        if self._clustered:
            count = min(_MOST_CLUSTERS, len(train) // _QUESTIONS_OF_A_CLUSTER)
            named = [f"cluster{number}" for number in range(1, count + 1)]
        elif len(named) == 0 or any(not question.category for question in train):
            named.append(NO_CATEGORY)
        self.names = tuple(named)
        """The groups."""

    def __call__(self, question: Question) -> str:
        """The group of a question."""
        return self.of([question])[0]

    def of(self, questions: Sequence[Question]) -> list[str]:
        """The group of each question; faster for many at once.

        Raises:
            MissingDependencyError: texts must be compared, and scikit-learn is not installed.
        """
        unknown = [q for q in questions if self._named(q) is None and q.id not in self._found]
        if unknown:
            if self._centres is None:
                self._fit()
            closest = (self._embed(list(map(text_of, unknown))) @ self._centres.T).argmax(1)
            self._found.update(
                (question.id, self.names[group])
                for question, group in zip(unknown, closest, strict=True)
            )
        return [self._named(q) or self._found[q.id] for q in questions]

    def places(self, questions: Sequence[Question]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """[n] the group of each question, as an index into `names`."""
        import numpy as np

        place = {name: number for number, name in enumerate(self.names)}
        return np.array([place[name] for name in self.of(questions)], dtype=np.int64)

    def _named(self, question: Question) -> str | None:
        """The group that a question's category states."""
        if self._clustered:
            return None
        if len(self.names) == 1:
            return self.names[0]
        category = question.category or NO_CATEGORY
        return category if category in self.names else None

    def _fit(self) -> None:
        """Learn the vectors of texts, and the centre of each group."""
        import numpy as np

        self._embed, known = make_embedding(TFIDF).fit(list(map(text_of, self._train)))
        if self._clustered:
            from sklearn.cluster import KMeans

            model = KMeans(len(self.names), n_init=4, random_state=0).fit(known)
            centres = model.cluster_centers_
        else:
            members: dict[str, list[int]] = defaultdict(list)
            for row, question in enumerate(self._train):
                members[question.category or NO_CATEGORY].append(row)
            centres = np.stack([known[members[name]].mean(0) for name in self.names])
        lengths = np.linalg.norm(centres, axis=1, keepdims=True)
        self._centres = centres / np.where(lengths == 0, 1.0, lengths)
