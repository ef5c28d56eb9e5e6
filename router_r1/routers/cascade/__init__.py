"""Cascades: ask a model, read its reply, and stop or ask another.

base.py                 the interface: judge, revise, next, answer, and the loop that plays them over a table
replies.py              what a model replied, alone and for a whole table
reply_judge.py          how likely a reply is right, learned
boosted_trees.py        small boosted trees in numpy, which the judges are made of
plans.py                which chain of models pays at which worth of a right answer
routerbench_cascade.py  by price, until a judged quality reaches a threshold
frugalgpt.py            a chain of at most three models with a threshold each
automix.py              self-verification, and a small decision process over it
agreement_cascade.py    until two models agree
cascade_routing.py      at each step the best superset of the models asked
"""
