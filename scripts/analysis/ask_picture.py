"""Draw docs/ask.svg, the picture in the README: what `router-r1 ask` shows for one question.

    python scripts/analysis/ask_picture.py

The policy and the candidates are scripted, so that the picture is the same wherever it is drawn; the episode, its
costs and what is shown are the real ones.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from rich.console import Console

from router_r1 import ModelCard, Price, RouterAgent
from router_r1.commands.ask import summary
from router_r1.commands.narrator import Narrator
from router_r1.testing import ScriptedPolicy, ScriptedPool

QUESTION = (
    "How many metres higher is the summit of the country where the Okavango ends than Tokyo Tower?"
)
TURNS = [
    "<think>Two parts. The delta is in Botswana, I believe; ask two cheap models where the river ends, and one for "
    "the tower.</think>"
    '<route model="qwen2.5-7b-instruct">In which country does the Okavango river end?</route>'
    '<route model="gemma-2-27b-it">In which country does the Okavango river end?</route>'
    '<route model="llama-3.1-8b-instruct">How tall is Tokyo Tower in metres?</route>',
    "<think>They agree on Botswana. Its highest point is disputed: worth a dearer model.</think>"
    '<route model="llama-3.1-70b-instruct">What is the highest point of Botswana, and how high is it in metres?</route>',
    "<think>1494 - 333 = 1161.</think><answer>1161 metres</answer>",
]
PRICES = {
    "qwen2.5-7b-instruct": 0.30,
    "llama-3.1-8b-instruct": 0.18,
    "gemma-2-27b-it": 0.80,
    "llama-3.1-70b-instruct": 0.88,
}
REPLIES = {
    "qwen2.5-7b-instruct": "The Okavango ends in Botswana, in an inland delta.",
    "gemma-2-27b-it": "Botswana. It never reaches the sea.",
    "llama-3.1-8b-instruct": "Tokyo Tower is 333 metres tall.",
    "llama-3.1-70b-instruct": "Monalanong Hill, 1494 metres; older sources name Otse Hill, 1491 metres.",
}


def main() -> None:
    """Ask, and write what was shown."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    console = Console(
        record=True, width=112, file=io.StringIO(), highlight=False, force_terminal=True
    )
    cards = [ModelCard(name=n, price=Price(input=p, output=p)) for n, p in PRICES.items()]
    pool = ScriptedPool(REPLIES, cards=cards)
    policy = ScriptedPolicy(TURNS, price=Price(input=0.10, output=0.10))
    console.print(f'[bold green]$[/] router-r1 ask "{QUESTION}" --config agent.yaml')
    with RouterAgent(policy=policy, pool=pool, aggregator="vote", budget_usd=0.002) as agent:
        result = agent.ask(QUESTION, emit=Narrator(console))
    console.print(f"[bold]{result.answer}[/]")
    console.print(summary(result))
    path = Path(__file__).parents[2] / "docs" / "ask.svg"
    path.parent.mkdir(exist_ok=True)
    console.save_svg(str(path), title="router-r1 ask")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
