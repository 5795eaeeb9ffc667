#!lua name=tiffin
--[[ Drivers on shift, one region a call. All times are milliseconds since 1970 as 13 digits, given as arguments.

A driver's row in the state hash is text of fixed places, so that pings rewrite it without parsing:

   1-13  at     the last accepted ping's own business time; zeros: none yet
  14-26  seen   business time when the driver was last heard of; zeros: nobody looked since the row was made
  27-39  heard  machine time of the same
  40     flag   D can be dispatched, N not (at capacity, suspended), S silent, says the log
  41     away   1 when a sweep found the driver silent, until the next ping
  42-43  load   orders carried
  44-45  cap    orders that may be carried
  46-    place  "lon lat"; nothing before the first ping

A driver with flag D and not away stands in the geo set `free`; any other with a place in `full`. Everybody stands
in `due`, scored by the business time to look whether they are silent: pings leave it alone, the sweep that finds
them heard of puts them off until they could be silent. A claim is until (13 digits) .. order. ]]

local D, S, NOUGHT, ONE = 68, 83, 48, 49  -- as string.byte reads them, which makes no new text as string.sub does
local NEVER = '0000000000000'
local FUTURE_MS = 300000     -- a ping may be this far ahead of now
local LATE_MS = 360000       -- an older one only tells where a driver was: a clock five minutes slow, and one on the way
local OLDEST_MS = 86400000   -- nobody's device gathers for longer
local FASTEST_MPS = 70       -- nobody drives faster for long ...
local SLACK_M = 250          -- ... but a fix may be this wrong
local DEGREE_M = 111195      -- of latitude
local SLACK_DEGREES_2 = (SLACK_M / DEGREE_M) ^ 2
local FORGET_MS = 60000      -- after so long any place is believed: perhaps the last one was the wrong one
local FIRST_RING_M = 152     -- the widest for which the server looks through its cells of some 200 m
local MOST_CANDIDATES = 1000 -- of one search, for some 2 ms: so many silent drivers may stand before a fresh one

local function live_claim(claim, now, order)
  return claim and string.sub(claim, 1, 13) > now and string.sub(claim, 14) ~= order
end

local function stands_free(row)
  return string.sub(row, 40, 41) == 'D0'
end

-- Move a member between geo sets without losing the place.
local function move(from, to, id)
  local score = server.call('ZSCORE', from, id)
  if score then
    server.call('ZREM', from, id)
    server.call('ZADD', to, score, id)
  end
end

-- Whether a driver can have come from the place in the row. A step within SLACK_M, as most are, needs no clock.
local function believable(row, lon, lat, stamp)
  local gap = string.find(row, ' ', 47, true)
  local east, north = lon - string.sub(row, 46, gap - 1), lat - string.sub(row, gap + 1)
  if east * east + north * north < SLACK_DEGREES_2 then return true end
  local gap_ms = stamp - string.sub(row, 1, 13)
  if gap_ms >= FORGET_MS then return true end
  if east < 0 then east = -east end
  if east > 180 then east = 360 - east end
  local dx, dy = east * math.cos(math.rad(lat)) * DEGREE_M, north * DEGREE_M
  local most = FASTEST_MPS * gap_ms / 1000 + SLACK_M
  return dx * dx + dy * dy <= most * most
end

-- What is to be said of a ping: a letter as `record` answers. Stamps compare with rows as with the stamps that they
-- begin with: a row is longer, so that an equal stamp comes before it. `not (a and b)` refuses what is no number, too.
local function verdict(row, lon, lat, stamp, oldest, current, latest)
  if not row then return 'u' end
  if not (lon and lat and lon >= -180 and lon <= 180 and lat >= -85 and lat <= 85)
    or stamp > latest or stamp < oldest then return 'i' end
  if stamp < row then return 's' end
  if #row > 45 and not believable(row, lon, lat, stamp) then return 'i' end
  if stamp < current then return 'l' end
  return string.byte(row, 40) == S and 'c' or 'a'
end

-- keys: state free full · args: now machine_now channel (id lon lat at)*
-- answers one letter a ping: a accepted, c accepted from a silent driver, l late, s stale, u unknown, i impossible
-- Of a late one only those after it in the same call know: it moves nobody, and nobody was heard of by it.
-- What makes it slow is not what it commands but every text that Lua makes: a ping costs eight.
local function record(k, a)
  local call, byte, sub, n = server.call, string.byte, string.sub, (#a - 3) / 4
  local now, heard = a[1], a[1] .. a[2]
  local latest, current = string.format('%013d', now + FUTURE_MS), string.format('%013d', now - LATE_MS)
  local oldest = string.format('%013d', now - OLDEST_MS)
  if n == 0 then return '' end
  local ids = {}
  for i = 1, n do ids[i] = a[4 * i] end
  local found, rows = call('HMGET', k[1], unpack(ids)), {}
  local out, hash, to_free, to_full, returned, lines = {}, {}, {}, {}, {}, {}
  local h, x, y = 0, 0, 0
  for i = 1, n do
    local p = 4 * i
    local id, lon, lat, stamp = ids[i], a[p + 1], a[p + 2], a[p + 3]
    local row = rows[id] or found[i]
    if stamp > now and stamp <= latest then stamp = now end
    local letter = verdict(row, tonumber(lon), tonumber(lat), stamp, oldest, current, latest)
    out[i] = letter
    if letter == 'a' or letter == 'c' then
      local flag, away, tens, ones = byte(row, 40, 43)
      row = stamp .. heard .. sub(row, 40, 40) .. '0' .. sub(row, 42, 45) .. lon .. ' ' .. lat
      rows[id] = row
      hash[h + 1], hash[h + 2], h = id, row, h + 2
      if flag == D then
        to_free[x + 1], to_free[x + 2], to_free[x + 3], x = lon, lat, id, x + 3
        if away == ONE then returned[#returned + 1] = id end
      else
        to_full[y + 1], to_full[y + 2], to_full[y + 3], y = lon, lat, id, y + 3
      end
      if ones ~= NOUGHT or tens ~= NOUGHT then lines[#lines + 1] = id .. ' ' .. lat .. ' ' .. lon .. ' ' .. stamp end
    elseif letter == 'l' then
      rows[id] = stamp .. sub(row, 14, 45) .. lon .. ' ' .. lat
    end
  end
  if #returned > 0 then call('ZREM', k[3], unpack(returned)) end
  if x > 0 then call('GEOADD', k[2], unpack(to_free)) end
  if y > 0 then call('GEOADD', k[3], unpack(to_full)) end
  if h > 0 then call('HSET', k[1], unpack(hash)) end
  if #lines > 0 then call('PUBLISH', a[3], table.concat(lines, '\n')) end
  return table.concat(out)
end

-- Adds candidates who can be asked to `out` (lon lat (id row ..)*), which holds `found` of the `wanted` drivers.
-- Answers how many it holds then.
local function take(k, a, candidates, passed, out, found, wanted)
  local byte, sub, now, seen_before, heard_before, order = string.byte, string.sub, a[5], a[6], a[7], a[8]
  local ids, n = {}, 0
  for i = 1, #candidates do
    local id = candidates[i]
    if not passed[id] then n = n + 1; ids[n] = id end
  end
  if n == 0 then return found end
  local rows, claims = server.call('HMGET', k[2], unpack(ids)), server.call('HMGET', k[4], unpack(ids))
  for i = 1, n do
    local row = rows[i]
    if row then
      local flag, away, load10, load1, cap10, cap1 = byte(row, 40, 45)
      if flag == D and away == NOUGHT and 10 * load10 + load1 < 10 * cap10 + cap1
        and (sub(row, 14, 26) >= seen_before or sub(row, 27, 39) >= heard_before)
        and not live_claim(claims[i], now, order) then
        found = found + 1
        out[3 * found], out[3 * found + 1], out[3 * found + 2] = ids[i], row, ''
        if found == wanted then break end
      end
    end
  end
  return found
end

local function with_facts(board, out, found)
  if found == 0 then return out end
  local ids = {}
  for i = 1, found do ids[i] = out[3 * i] end
  local facts = server.call('HMGET', board, unpack(ids))
  for i = 1, found do out[3 * i + 2] = facts[i] or '' end
  return out
end

-- keys: free state board claims · args: lon lat k radius_m now seen_before heard_before order (excluded id)*
-- answers lon lat (id row facts)*, nearest first; COUNT and radius grow until k are found, the radius is done or
-- MOST_CANDIDATES were looked at, each once
local function nearest(k, a)
  local wanted, radius, passed = tonumber(a[3]), tonumber(a[4]), {}
  for i = 9, #a do passed[a[i]] = true end
  local ring, count = math.min(FIRST_RING_M, radius), wanted + 6 + #a - 8
  local most = math.max(MOST_CANDIDATES, count)
  local out, found = {a[1], a[2]}, 0
  while true do
    local c = server.call('GEOSEARCH', k[1], 'FROMLONLAT', a[1], a[2], 'BYRADIUS', ring, 'm', 'ASC', 'COUNT', count)
    local n = #c
    if n >= wanted or ring >= radius then
      found = take(k, a, c, passed, out, found, wanted)
      if found == wanted then break end
      for i = 1, n do passed[c[i]] = true end
    end
    if n == count then
      -- Cut short by COUNT: take more candidates of the same ring, for a wider ring would find the same ones.
      if count == most then break end
      count = math.min(count * 4, most)
    elseif ring >= radius then break
    else
      if n == 0 then ring = ring * 8 elseif 8 * n < wanted then ring = ring * 4 else ring = ring * 2 end
      if ring > radius then ring = radius end
      -- Looked at more than fit: a ring twice as wide holds some four times as many.
      if n >= wanted then count = math.min(math.max(count, 4 * n + wanted), most) end
    end
  end
  return with_facts(k[3], out, found)
end

-- Why a driver who stands near cannot be asked; nothing of one who can, or whose row is gone.
local function unfit(row, claim, a, asked)
  local sub = string.sub
  if not row then return nil end
  if sub(row, 40, 40) == 'S' or sub(row, 41, 41) == '1'
    or sub(row, 14, 26) < a[6] and sub(row, 27, 39) < a[7] then return 'silent' end
  if sub(row, 42, 43) >= sub(row, 44, 45) then return 'full' end
  if sub(row, 40, 40) == 'N' then return 'suspended' end
  if asked then return 'asked' end
  if live_claim(claim, a[5], a[8]) then return 'held' end
  return nil
end

-- The reverse of nearest, for explaining. keys: set state claims, where set is free or full · args: as nearest
-- answers (id distance_m reason)* of those who cannot be asked among the set's k nearest, nearest first
local function left_out(k, a)
  local c = server.call('GEOSEARCH', k[1], 'FROMLONLAT', a[1], a[2], 'BYRADIUS', a[4], 'm', 'ASC', 'WITHDIST',
    'COUNT', a[3])
  local ids, asked, out = {}, {}, {}
  for i = 1, #c do ids[i] = c[i][1] end
  for i = 9, #a do asked[a[i]] = true end
  if #ids == 0 then return out end
  local rows, claims = server.call('HMGET', k[2], unpack(ids)), server.call('HMGET', k[3], unpack(ids))
  for i = 1, #ids do
    local why = unfit(rows[i], claims[i], a, asked[ids[i]])
    if why then out[#out + 1] = ids[i]; out[#out + 1] = c[i][2]; out[#out + 1] = why end
  end
  return out
end

-- keys: state claims · args: driver order now until · answers 1 when the driver is held for the order
local function claim(k, a)
  local row = server.call('HGET', k[1], a[1])
  if not row or not stands_free(row) or string.sub(row, 42, 43) >= string.sub(row, 44, 45) then return 0 end
  if live_claim(server.call('HGET', k[2], a[1]), a[3], a[2]) then return 0 end
  server.call('HSET', k[2], a[1], a[4] .. a[2])
  return 1
end

local function let_go(claims, driver, order)
  local held = server.call('HGET', claims, driver)
  if held and string.sub(held, 14) == order then return server.call('HDEL', claims, driver) end
  return 0
end

-- keys: claims · args: driver order
local function release(k, a)
  return let_go(k[1], a[1], a[2])
end

-- One window of those due. keys: due state free full claims
-- args: now machine_now seen_before heard_before offset limit silent_ms
-- answers {members that stay due, members looked at, (id seen load)*}: silent drivers that the log does not know of
local function sweep(k, a)
  local call, sub, silent_ms = server.call, string.sub, tonumber(a[7])
  local ids = call('ZRANGE', k[1], '-inf', a[1], 'BYSCORE', 'LIMIT', a[5], a[6])
  if #ids == 0 then return {0, 0} end
  local rows, claims = call('HMGET', k[2], unpack(ids)), call('HMGET', k[5], unpack(ids))
  local stay, out, hash, later = #ids, {0, #ids}, {}, {}
  for i = 1, #ids do
    local id, row = ids[i], rows[i]
    local seen = row and sub(row, 14, 26)
    if not row then
      call('ZREM', k[1], id); stay = stay - 1
    elseif seen == NEVER then
      hash[#hash + 1] = id; hash[#hash + 1] = sub(row, 1, 13) .. a[1] .. a[2] .. sub(row, 40)
      later[#later + 1] = tonumber(a[1]) + silent_ms + 1; later[#later + 1] = id
    elseif seen >= a[3] then
      later[#later + 1] = tonumber(seen) + silent_ms + 1; later[#later + 1] = id
    elseif sub(row, 27, 39) < a[4] then
      if sub(row, 41, 41) == '0' then
        hash[#hash + 1] = id; hash[#hash + 1] = sub(row, 1, 40) .. '1' .. sub(row, 42)
        if stands_free(row) and #row > 45 then move(k[3], k[4], id) end
      end
      if sub(row, 40, 40) ~= 'S' and (sub(row, 42, 43) ~= '00' or live_claim(claims[i], a[1], '')) then
        out[#out + 1] = id; out[#out + 1] = seen; out[#out + 1] = sub(row, 42, 43)
      end
    end
  end
  if #hash > 0 then call('HSET', k[2], unpack(hash)) end
  if #later > 0 then call('ZADD', k[1], unpack(later)) end
  out[1] = stay - #later / 2
  return out
end

-- keys: claims · args: now · drops claims that ran out, answers how many
local function prune(k, a)
  local all, gone = server.call('HGETALL', k[1]), 0
  for i = 1, #all, 2 do
    if string.sub(all[i + 1], 1, 13) <= a[1] then gone = gone + server.call('HDEL', k[1], all[i]) end
  end
  return gone
end

-- keys: members state free full due board claims · args: generation · forgets everything, a reload begins
local function begin(k, a)
  server.call('DEL', unpack(k))
  server.call('HSET', k[1], 'generation', a[1], 'position', 0)
  return 1
end

local function leave(k, id)
  for i = 3, 5 do server.call('ZREM', k[i], id) end
  server.call('HDEL', k[2], id)
end

local function join(k, id, flag, load_and_cap)
  local call, sub = server.call, string.sub
  local old = call('HGET', k[2], id)
  local row
  if old then
    row = sub(old, 1, 39) .. flag .. sub(old, 41, 41) .. load_and_cap .. sub(old, 46)
    if #row > 45 and stands_free(old) ~= stands_free(row) then
      if stands_free(row) then move(k[4], k[3], id) else move(k[3], k[4], id) end
    end
  else
    row = NEVER .. NEVER .. NEVER .. flag .. '0' .. load_and_cap
    call('ZADD', k[5], 0, id)
  end
  call('HSET', k[2], id, row)
end

-- Write rows together with the position they stand for. keys: as begin
-- args: generation position next_generation next_position drivers (id flag load_and_cap facts)* (driver order until at)*
-- flag - takes the driver off duty; until 0 lifts a claim. Answers 0, having written nothing, when generation and
-- position are not what the caller thinks: flushed, or another writer leads.
local function follow(k, a)
  local at = server.call('HMGET', k[1], 'generation', 'position')
  if at[1] ~= a[1] or at[2] ~= a[2] then return 0 end
  local last = 5 + 4 * tonumber(a[5])
  for p = 6, last, 4 do
    if a[p + 1] == '-' then leave(k, a[p]) else join(k, a[p], a[p + 1], a[p + 2]) end
    server.call('HSET', k[6], a[p], a[p + 3])
  end
  for p = last + 1, #a, 4 do
    if a[p + 2] == '0' then let_go(k[7], a[p], a[p + 1])
    elseif not live_claim(server.call('HGET', k[7], a[p]), a[p + 3], a[p + 1]) then
      server.call('HSET', k[7], a[p], a[p + 2] .. a[p + 1])
    end
  end
  server.call('HSET', k[1], 'generation', a[3], 'position', a[4])
  return 1
end

server.register_function('tiffin_record', record)
server.register_function{function_name = 'tiffin_nearest', callback = nearest, flags = {'no-writes'}}
server.register_function{function_name = 'tiffin_left_out', callback = left_out, flags = {'no-writes'}}
server.register_function('tiffin_claim', claim)
server.register_function('tiffin_release', release)
server.register_function('tiffin_sweep', sweep)
server.register_function('tiffin_prune', prune)
server.register_function('tiffin_begin', begin)
server.register_function('tiffin_follow', follow)
