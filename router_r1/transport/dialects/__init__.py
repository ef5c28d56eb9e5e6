"""Tables of facts about how servers of the OpenAI protocol differ. Data only: nothing here decides anything.

`usage.py`: where token counts stand and what they are called. `errors.py`: error codes and wordings.
`reply_forms.py`: finish reasons, parts of a message, signs of life in a stream. To support another server, add a line
with its source. Parameters of requests that servers refuse are in `../refused_parameters.py`, with what is sent instead.
"""
