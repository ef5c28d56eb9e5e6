"""A policy behind an OpenAI-compatible server: a hosted model or a vLLM server.

By chat, or by completions with token ids. The HTTP requests themselves are the transport's (`transport/live.py`).
"""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from router_r1 import config
from router_r1.episode import Episode
from router_r1.errors import PolicyError
from router_r1.model_cards import CallLimits, Endpoint, ModelSpec, Sampling
from router_r1.policies.base import WrittenTurn
from router_r1.policies.token_ids import closing_id
from router_r1.policies.turn_reopening import PROBES, chat_around, turn_end
from router_r1.pool import Account, call_and_book
from router_r1.protocol import cut_turn, restore_stop
from router_r1.token_prices import Price
from router_r1.transport.base import Transport
from router_r1.transport.live import LiveTransport
from router_r1.transport.messages import Message, Request, Response, merge_system
from router_r1.transport.record_replay import OnMiss, StoreTransport
from router_r1.transport.record_store import RecordStore

_MAX_ENCODED = 4096
"""Texts whose token ids are cached."""


class OpenAIPolicy:
    """A policy behind an OpenAI-compatible server.

    Two modes:

    chat
        A turn is an assistant message, an observation a user message. Works with every hosted model; the prompt is
        enough to make an untrained model route.
    native
        One assistant turn that continues, through `/completions`: the format that this project trains policies on.
        Token ids go in and come out if the server offers that (`/tokenize` and `return_token_ids`, as vLLM does), so
        that nothing is tokenised twice. For a server that takes text only, pass a `prompt_template`.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        api_key_env: str | None = None,
        *,
        mode: Literal["chat", "native"] = "chat",
        price: Price | None = None,
        name: str | None = None,
        temperature: float | None = 0.0,
        top_p: float | None = None,
        seed: int | None = None,
        extra: dict[str, Any] | None = None,
        chat_template_kwargs: dict[str, Any] | None = None,
        system_role: Literal["send", "merge"] = "send",
        send_stop: bool = True,
        headers: dict[str, str] | None = None,
        token_limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens",
        limits: CallLimits | None = None,
        prompt_template: Callable[[Sequence[Message]], str] | None = None,
        transport: Transport | None = None,
        source: str = "OpenAIPolicy",
    ) -> None:
        """
        Args:
            base_url: URL of the server, e.g. `http://127.0.0.1:8000/v1`.
            model: the model id that the server knows.
            api_key_env: name of the environment variable that holds the key; None for a server without keys.
            mode: see above.
            price: dollars per million tokens. Without it the policy's tokens are counted and shown, but no dollar
                figure includes them.
            name: name in ledger and traces; the model id by default.
            temperature: 0 for greedy decoding; None leaves it to the server, as for the next two.
            top_p: nucleus sampling, in (0, 1].
            seed: seed of the server's sampler; few servers honour it.
            extra: vendor fields, sent unchanged.
            chat_template_kwargs: variables of the model's chat template, e.g. `{"enable_thinking": False}`; vLLM,
                SGLang and llama.cpp take them. As in training.
            system_role: `merge` puts the rules in front of the question, for a model that refuses system messages.
            send_stop: whether to send stop strings. Turn it off for a model that refuses them; the text is cut here.
            headers: extra headers that are not secret.
            token_limit_field: the server's name for the limit on generated tokens.
            limits: concurrency, rates, retries and time-outs.
            prompt_template: renders the opening messages as text, for native mode on a server without token ids.
            transport: carries the requests instead of HTTP; see also `recording` and `replaying`.
            source: name of this policy's configuration in error messages.

        Raises:
            ConfigError: `base_url` is not a URL or contains a key, or another argument is out of range.
        """
        fields = {
            "base_url": base_url,
            "api_key_env": api_key_env,
            "headers": headers or {},
            "token_limit_field": token_limit_field,
        }
        endpoint = config.validate(Endpoint, fields, source)
        self.name = name or model
        self.mode = mode
        self.price = price
        self.spec = config.validate(
            ModelSpec,
            {
                "name": self.name,
                "model": model,
                "endpoint": "policy",
                "limits": limits or CallLimits(),
                "sampling": Sampling(
                    temperature=temperature, top_p=top_p, seed=seed, extra=extra or {}
                ),
            },
            source,
        )
        self._endpoint = endpoint
        self._template_kwargs = chat_template_kwargs or {}
        self._system_role = system_role
        self._send_stop = send_stop
        self._template = prompt_template
        self._transport: Transport = transport or LiveTransport(
            {"policy": endpoint}, source=source, section=""
        )
        self._encoded: OrderedDict[str, tuple[int, ...]] = OrderedDict()

    def recording(self, store: str | Path) -> OpenAIPolicy:
        """A copy that keeps every turn in a record store, which may be the pool's; see `ModelPool.recording`."""
        return self.through_store(store, "live")

    def replaying(self, store: str | Path, *, on_miss: OnMiss = "error") -> OpenAIPolicy:
        """A copy that answers from a record store; see `ModelPool.replaying`."""
        return self.through_store(store, on_miss)

    def through_store(self, store: str | Path, on_miss: OnMiss) -> OpenAIPolicy:
        """A copy behind a record store; `recording` and `replaying` call this. See `StoreTransport` for `on_miss`."""
        records = RecordStore(store, create=on_miss == "live")
        stored = copy.copy(self)
        stored._encoded = OrderedDict()  # empty, so that encoding requests are recorded too
        stored._transport = StoreTransport(records, self._transport, on_miss=on_miss)
        return stored

    @property
    def not_recorded(self) -> str | None:
        """Why turns are missing in the record store that should have them; None if none is."""
        return getattr(self._transport, "not_recorded", None)

    def check(self) -> None:
        """Raise `ConfigError` if the policy needs a key that is not set."""
        self._transport.check((self.spec,))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    async def write_turn(self, episode: Episode, account: Account) -> WrittenTurn:
        """Request the next turn from the server."""
        if self.mode == "chat":
            return await self._chat(episode, account)
        return await self._native(episode, account)

    async def _chat(self, episode: Episode, account: Account) -> WrittenTurn:
        stops = episode.stop_strings
        request = self.spec.chat(
            self._as_taken(episode.messages),
            sample_index=episode.sample_index,
            max_tokens=episode.turn_token_limit,
            token_limit_field=self._endpoint.token_limit_field,
            stop=stops if self._send_stop else (),
        )
        request = replace(request, sampling={**request.sampling, **self._template_fields})
        response = await self._call(request, account)
        text = response.text
        if self._send_stop and response.finish_reason == "stop":
            text = restore_stop(text, stops)
        return _written(response, cut_turn(text, stops))

    def _as_taken(self, messages: tuple[Message, ...]) -> tuple[Message, ...]:
        """The messages as the model's chat template takes them."""
        return messages if self._system_role == "send" else merge_system(messages)

    @property
    def _template_fields(self) -> dict[str, Any]:
        """The field of a request that holds the variables of the chat template, if there are any."""
        kwargs = self._template_kwargs
        return {"chat_template_kwargs": kwargs} if kwargs else {}

    async def _native(self, episode: Episode, account: Account) -> WrittenTurn:
        prompt = await self._prompt(episode)
        sampling = self.spec.sampling_parameters(episode.turn_token_limit, "max_tokens")
        sampling["stop"] = list(episode.stop_strings)
        sampling["include_stop_str_in_output"] = True
        if not isinstance(prompt, str):
            sampling |= {"return_token_ids": True, "logprobs": 0}
        request = Request(
            self.spec.model_id,
            prompt=prompt,
            sampling=sampling,
            sample_index=episode.sample_index,
        )
        response = await self._call(request, account)
        text = response.text
        if response.token_ids is not None:
            turn = cut_turn(text, episode.stop_strings)
            return _written(response, turn, overhang=text[len(turn) :])
        if response.finish_reason == "stop":  # the server may have left the stop string out
            text = restore_stop(text, episode.stop_strings)
        return _written(response, cut_turn(text, episode.stop_strings))

    async def _call(self, request: Request, account: Account) -> Response:
        return await call_and_book(self._transport, self.spec, request, account, self.price)

    async def _prompt(self, episode: Episode) -> str | tuple[int, ...]:
        """The native prompt: text with a `prompt_template`, else token ids."""
        if self._template is None:
            return await self._prompt_ids(episode)
        return self._template(self._as_taken(episode.opening)) + episode.transcript

    async def _prompt_ids(self, episode: Episode) -> tuple[int, ...]:
        """Opening and environment text as the server encodes them, and the policy's own tokens as it wrote them."""
        ids = list(await self._encode(self._as_taken(episode.opening)))
        closing: int | None = None
        overhang = ""
        for segment in episode.segments:
            if segment.token_ids is not None:
                ids += segment.token_ids
                closing, overhang = closing_id(segment, episode.stop_strings), segment.overhang
                continue
            following = None
            if closing is not None:
                following = await self._reopened(closing, segment.text.strip("\n"))
            if following is None:
                following = await self._encode(segment.text.removeprefix(overhang))
            ids += following
            closing, overhang = None, ""
        return tuple(ids)

    async def _reopened(self, closing: int, observation: str) -> tuple[int, ...] | None:
        """What follows a turn that the model ended by itself; None if this id does not end a turn."""
        first, second = [await self._encode(chat) for chat in PROBES]
        begin = turn_end(first, second, closing)
        if begin is None:
            return None
        return (await self._encode(chat_around(observation)))[begin:]

    async def _encode(self, text: str | tuple[Message, ...]) -> tuple[int, ...]:
        if isinstance(text, str):
            request = Request(self.spec.model_id, prompt=text, encode=True)
        else:
            request = Request(
                self.spec.model_id, messages=text, sampling=self._template_fields, encode=True
            )
        key = request.key
        if key not in self._encoded:
            response = await self._transport.call(self.spec, request, lambda _: None)
            if response.token_ids is None:
                reason = (
                    response.failure.detail if response.failure else "no token ids in the reply"
                )
                raise PolicyError(
                    f"{self.name}: native mode needs a server that encodes text ({reason}); "
                    f"use mode='chat', or pass a prompt_template"
                )
            self._encoded[key] = response.token_ids
            if len(self._encoded) > _MAX_ENCODED:
                self._encoded.popitem(last=False)
        self._encoded.move_to_end(key)
        return self._encoded[key]


def _written(response: Response, text: str, overhang: str = "") -> WrittenTurn:
    return WrittenTurn(
        text=text,
        token_ids=response.token_ids,
        logprobs=response.logprobs,
        overhang=overhang,
        tokens=response.usage.completion if response.ok else None,
        cost_usd=response.cost_usd,
        failure=response.failure,
    )
