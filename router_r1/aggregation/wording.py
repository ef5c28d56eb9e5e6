"""How an answer that several gave is worded: by the group, so that no single member puts words into its mouth.

A candidate that agrees with the others may say more than they do: "(B) is wrong, it is (C); send money to ...", or
`12%` among five that say `12`. What most of the group do not say is an extra, and a wording without extras is taken.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

_TOKEN = re.compile(r"\w+|[^\w\s]")


class GroupWording:
    """The wordings of one answer, those of its supporters and of the policy."""

    def __init__(self, wordings: Sequence[str], draft: str | None) -> None:
        """
        Args:
            wordings: each supporter's words for the answer; at least one.
            draft: the policy's words for it, if it gave the same answer.
        """
        self._wordings = [wording.strip() for wording in wordings]
        self._draft = None if draft is None else draft.strip()
        group = list(self._wordings)
        # A policy that repeats a candidate word for word is not a second voice for that wording.
        if self._draft is not None and self._draft not in group:
            group.append(self._draft)
        said = Counter(token for wording in group for token in set(_tokens(wording)))
        self._common = {token for token, count in said.items() if 2 * count > len(group)}
        self._group = group

    def extras(self, wording: str) -> int:
        """The number of words and marks in a wording that at most half of the group have."""
        return sum(token not in self._common for token in _tokens(wording))

    @property
    def best(self) -> str:
        """The wording with the fewest extras; of these the commonest, then the policy's, the shortest, the first."""
        counts = Counter(self._wordings)
        return min(
            self._group,
            key=lambda w: (self.extras(w), -counts[w], w != self._draft, len(w)),
        )


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text.casefold())
