"""Worlds: where questions come from and which models answer the routes.

base.py is the interface, load.py builds a world from a name, a folder or a file, commands.py is `router-r1 world`.
generated_world/, recorded_world/ and live_world.py are the built-in kinds. Each registers itself in `base.WORLDS`;
so does a kind in another package.
"""
