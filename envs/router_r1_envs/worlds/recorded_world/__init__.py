"""The recorded world: an outcome table answers for the candidates.

    settings.py              settings of the world
    world.py                 questions, splits, levels, and what a policy reads
    pool.py                  the candidates as the table answers for them
    query_matching.py        whether a route asks the question of its episode
    question_features.py     group, kind of options and length of a question
    question_groups.py       categories, or clusters of texts where there are none
    relative_lengths.py      lengths compared within a group
    answer_view.py           what a small policy reads of a response
    table_arrays.py          the questions as arrays, and what a router did about them
    table_splits.py          what the table tells a router: splits, levels, reference cost, best single model

No model is called and no answer is invented.
"""

from router_r1_envs.worlds.recorded_world.world import RecordedWorld

__all__ = ["RecordedWorld"]
