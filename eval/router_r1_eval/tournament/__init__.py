"""Tournaments: routers, policies and baselines on the same questions, written to results.json.

    commands.py            `router-r1 tournament`
    tournament.py          a tournament on an outcome table
    world_tournament.py    a tournament in any other world, where everything is played
    entrants.py            what takes part: a fitted router that can be run on any questions, at each of its settings
    router_entrants.py     one-shot routers and the planner as entrants
    policy_entrant.py      policies as entrants: they play real episodes, into an episode_folder.py
    players.py             policies by their place on disk
    rollouts.py            the same without files, for world_tournament.py
    baselines.py           all baselines: single models, random and oracle here; the others in category_lookup.py,
                           voting_baselines.py, prompt_length.py and self_consistency.py
    setting_choice.py      which setting represents an entrant
    measure.py             the figures of every entrant; with mixtures.py, headroom.py and two_models.py
    caveats.py             facts about the table that affect the figures
    summary.py             what the command prints

Entrants are fitted on the training questions; the validation questions choose, and the test questions give the figures.
"""
