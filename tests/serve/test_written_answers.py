"""An answer that an LLM writes from the replies is streamed while it is written."""

import openai
import pytest
from serving import LARGE, SMALL, Exchange, Serve, Served, asked_by_policy, turn_number

from router_r1.testing.loopback_server import chat_events, chat_reply, usage

ROUTE = (
    f'<think>Both.</think><route model="{LARGE}">question</route>'
    f'<route model="{SMALL}">question</route>'
)
ANSWER = "Arna is seven hundred metres wide , says one of them ."
PIECE_S = 0.05


def handler(*written: Served):
    """The policy asks both, which disagree, and answers; then the writer sends these replies, one for each attempt."""
    attempts = iter(written)

    def handle(exchange: Exchange) -> Served:
        if asked_by_policy(exchange):
            text = (ROUTE, "<think>Hm.</think><answer>700</answer>")[turn_number(exchange)]
            return Served(chat_reply(text, usage=usage(100, 10)))
        if "Replies" in str(exchange.body["messages"][-1]["content"]):
            return next(attempts)
        value = "700 m" if exchange.body["model"] == LARGE else "800 m"
        return Served(chat_reply(value, usage=usage(20, 5)))

    return handle


def events(text: str, **options) -> Served:
    return Served(events=chat_events(text, usage=usage(50, 20), **options), event_delay_s=PIECE_S)


def ask(serving, **options):
    return serving.client().chat.completions.create(
        model="router-r1",
        messages=[{"role": "user", "content": "How wide is the moon Arna?"}],
        stream=True,
        **options,
    )


def told(stream) -> list[str]:
    return [c.choices[0].delta.content for c in stream if c.choices and c.choices[0].delta.content]


SYNTHESIZE = {"aggregator": "synthesize"}


def test_words_come_while_the_model_writes_them(serve: Serve) -> None:
    text = f"I weigh them. <answer> {ANSWER} </answer>"
    with serve(handler(events(text)), agent=SYNTHESIZE) as serving:
        pieces = told(ask(serving))
        assert "".join(pieces) == ANSWER
        assert len(pieces) >= len(ANSWER.split()) - 1  # one for each event of the writer
        sent = serving.upstream.exchanges[-1].body
        assert sent["stream"] is True


def test_a_server_that_does_not_stream_gives_the_same_answer(serve: Serve) -> None:
    reply = Served(chat_reply(f"<answer>{ANSWER}</answer>", usage=usage(50, 20)))
    with serve(handler(reply), agent=SYNTHESIZE) as serving:
        assert "".join(told(ask(serving))) == ANSWER


def test_a_stop_string_cuts_the_answer_before_it_is_sent(serve: Serve) -> None:
    with serve(handler(events(f"<answer> {ANSWER} </answer>")), agent=SYNTHESIZE) as serving:
        assert "".join(told(ask(serving, stop=["metres wide"]))) == "Arna is seven hundred "


def test_what_is_written_again_goes_on_where_it_broke_off(serve: Serve) -> None:
    broken = events("<answer> Arna is seven", finish=None)
    again = events(f"<answer> {ANSWER} </answer>")
    with serve(handler(broken, again), agent=SYNTHESIZE) as serving:
        assert "".join(told(ask(serving))) == ANSWER


def test_an_answer_that_goes_on_otherwise_is_an_error_and_no_mixture(serve: Serve) -> None:
    broken = events("<answer> Arna is seven", finish=None)
    other = events("<answer> It is eight hundred metres wide. </answer>")
    with serve(handler(broken, other), agent=SYNTHESIZE) as serving:
        pieces: list[str] = []
        with pytest.raises(openai.APIError, match="broke off while it was written"):
            for chunk in ask(serving):
                pieces += [c.delta.content for c in chunk.choices if c.delta.content]
        assert "".join(pieces) == "Arna is seven"
