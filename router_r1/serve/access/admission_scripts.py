"""The Lua scripts of `admission_redis.py`.

Numbers in Lua are doubles, which are exact up to 2^53: nine million dollars in nanodollars. They are formatted with
`%.0f`, because `tostring` keeps 14 digits. Names on the server, below a common prefix:

    request:ID             hash     the reservation of a request: mark, key, day, nanousd, tokens, tokens_per_minute
    open:KEY               set      reservations that hold a part of the budget, `NANOUSD:DAY:ID`, by when they lapse
    reserved:KEY           hash     sum of their nanodollars by period: day, month, and an empty name for all time
    spent:KEY:PERIOD       number   settled nanodollars of a period
    requests:KEY, tokens:KEY   hash   a bucket: its level in units (`UNITS` in `admission.py`), and when it had it
"""

from __future__ import annotations

from router_r1.serve.access.admission import UNITS

_COMMON = f"""
local UNITS = {UNITS}
local function whole(number) return string.format('%.0f', number) end
local function now_ms(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local function level_of(bucket, limit, now)
  local state = redis.call('HMGET', bucket, 'level', 'at')
  if not state[1] then return limit * UNITS end
  local gained = math.max(0, now - tonumber(state[2])) * limit
  return math.min(limit * UNITS, tonumber(state[1]) + gained)
end
local function keep(bucket, level, limit, now)
  redis.call('HSET', bucket, 'level', whole(level), 'at', whole(now))
  local full_in = math.ceil((limit * UNITS - level) / limit)
  redis.call('PEXPIRE', bucket, whole(full_in + 1000))
end
local function periods_of(day) return {{day, string.sub(day, 1, 7), ''}} end
local function release(open, reserved, member)
  if redis.call('ZREM', open, member) == 0 then return end
  local nanousd, day = string.match(member, '^(%d+):([%d-]+):')
  if nanousd == '0' then return end
  for _, period in ipairs(periods_of(day)) do
    if redis.call('HINCRBY', reserved, period, '-' .. nanousd) == 0 then
      redis.call('HDEL', reserved, period)
    end
  end
end
"""

ADMIT = (
    _COMMON
    + """
local request, open, reserved, spent, requests, tokens = unpack(KEYS)
local given, id, mark, key, day, nanousd, wanted, lapses_in, kept, budget, period, per_minute, tokens_per_minute =
  unpack(ARGV)
local now = now_ms(given)

local before = redis.call('HGET', request, 'mark')
if before then return {before == mark and 'admitted' or 'duplicate'} end

for _, member in ipairs(redis.call('ZRANGEBYSCORE', open, '-inf', whole(now))) do
  release(open, reserved, member)
end
if budget ~= '' then
  local used = tonumber(redis.call('GET', spent) or '0')
  local held = tonumber(redis.call('HGET', reserved, period) or '0')
  if used + held + tonumber(nanousd) > tonumber(budget) then
    return {'budget', whole(used), whole(held)}
  end
end

local function after(bucket, limit, amount)  -- the level that would be left, and the wait until that is not negative
  if limit == '' then return nil, 0 end
  local left = level_of(bucket, tonumber(limit), now) - amount * UNITS
  return left, math.max(0, math.ceil(-left / tonumber(limit)))
end
local left_requests, requests_wait = after(requests, per_minute, 1)
local left_tokens, tokens_wait = after(tokens, tokens_per_minute, tonumber(wanted))
if requests_wait > 0 or tokens_wait > 0 then
  return {'rate', whole(requests_wait), whole(tokens_wait)}
end
if left_requests then keep(requests, left_requests, tonumber(per_minute), now) end
if left_tokens then keep(tokens, left_tokens, tonumber(tokens_per_minute), now) end

redis.call('HSET', request, 'mark', mark, 'key', key, 'day', day, 'nanousd', nanousd, 'tokens', wanted,
  'tokens_per_minute', tokens_per_minute)
redis.call('PEXPIRE', request, whole(tonumber(lapses_in) + tonumber(kept)))
redis.call('ZADD', open, whole(now + tonumber(lapses_in)), nanousd .. ':' .. day .. ':' .. id)
if nanousd ~= '0' then
  for _, name in ipairs(periods_of(day)) do redis.call('HINCRBY', reserved, name, nanousd) end
end
local last = tonumber(redis.call('ZRANGE', open, -1, -1, 'WITHSCORES')[2])
for _, name in ipairs({open, reserved}) do redis.call('PEXPIRE', name, whole(last - now + 1000)) end
return {'admitted'}
"""
)
"""Reserve, if the limits permit it. Returns `admitted`, `duplicate`, `budget` with the settled and the reserved
nanodollars, or `rate` with the milliseconds to wait for a request and for the tokens."""

SETTLE = (
    _COMMON
    + """
local request = KEYS[1]
local given, id, prefix, used, nanousd = unpack(ARGV)
local key, day, most, held, limit =
  unpack(redis.call('HMGET', request, 'key', 'day', 'nanousd', 'tokens', 'tokens_per_minute'))
if not key then return {'unknown'} end
redis.call('DEL', request)
release(prefix .. ':open:' .. key, prefix .. ':reserved:' .. key, most .. ':' .. day .. ':' .. id)

if nanousd ~= '0' then
  local days = {3, 62}  -- longer than the day and the month, and a request that ends after them
  for index, period in ipairs(periods_of(day)) do
    local spent = prefix .. ':spent:' .. key .. ':' .. period
    redis.call('INCRBY', spent, nanousd)
    if days[index] then redis.call('EXPIRE', spent, days[index] * 86400) end
  end
end
if limit ~= '' and used ~= held then
  local now, per_minute, bucket = now_ms(given), tonumber(limit), prefix .. ':tokens:' .. key
  local level = level_of(bucket, per_minute, now) + (tonumber(held) - tonumber(used)) * UNITS
  keep(bucket, math.min(level, per_minute * UNITS), per_minute, now)
end
return {'settled'}
"""
)
"""Replace a reservation by what was used. Returns `settled`, or `unknown` for an id that is not open. The names beyond
the first follow from the reservation, so they are not declared; the common prefix keeps them on one node."""
