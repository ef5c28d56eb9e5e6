"""Other wire shapes than Chat Completions: what clients speak, as chat completions and back. No I/O.

| Module | Covers |
|---|---|
| `base.py` | what a shape is, and the shape of chat completions itself |
| `translated.py` | the two others as shapes of the gateway |
| `responses.py` | OpenAI's Responses API: `to_chat`, `from_chat`, `error` |
| `responses_input.py` | its input items as chat messages |
| `responses_reply.py` | its reply objects: response, output items, usage |
| `responses_stream.py` | its stream: `ResponsesStream` |
| `messages.py` | Anthropic's Messages API: `to_chat`, `from_chat`, `error` |
| `messages_request.py` | its tools, thinking and other settings as chat fields |
| `messages_history.py` | its messages and blocks as chat messages |
| `messages_reply.py` | its reply objects: message, content blocks, usage |
| `messages_stream.py` | its stream: `MessagesStream` |
| `history.py` | chat messages, built from a history in either shape |
| `parts.py` | a chat reply or its chunks as parts in order |
| `fields.py` | reading request fields with an error that names them |
| `events.py` | one event of a stream, and its bytes |
| `errors.py` | what `to_chat`, `from_chat` and `feed` raise |

A request becomes a chat body with `to_chat`. A complete chat reply becomes a reply of the shape with `from_chat`; the
chunks of a streamed one go through `begin`, `feed` and `finish` (or `fail`) of the shape's stream. Both give the same
reply for any way of cutting it into chunks.

To add a shape, write these four functions and the stream class on top of `history.py` and `parts.py`.
"""
