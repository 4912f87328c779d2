-- Writes rows of one layout, each if it is the later of the two by its stamp.
-- KEYS: the keys. ARGV: the first and the last byte of the stamp, counted from 1, then
-- per key the value and the milliseconds that it lives, '' for ever.
-- Returns a letter per key: w written, k kept what was there, t the stamps are equal and
-- the values are not, x what was there is not of this layout.
-- Bytes are compared one by one: the order of strings depends on the server's locale.
local byte, sub = string.byte, string.sub
local first, last = tonumber(ARGV[1]), tonumber(ARGV[2])
local verdicts = {}
for i = 1, #KEYS do
  local key, new, life = KEYS[i], ARGV[2 * i + 1], ARGV[2 * i + 2]
  local old = redis.pcall('GET', key)
  local verdict = 't'
  if old == false then
    verdict = 'w'
  elseif type(old) == 'table' then
    if sub(old.err, 1, 9) ~= 'WRONGTYPE' then
      return old
    end
    verdict = 'x'
  elseif old == new then
    verdict = 'k'
  elseif #old <= last or sub(old, 1, first - 1) ~= sub(new, 1, first - 1) then
    verdict = 'x'
  else
    for at = first, last do
      local a, b = byte(old, at), byte(new, at)
      if a ~= b then
        verdict = a < b and 'w' or 'k'
        break
      end
    end
  end
  if verdict == 'w' then
    if life == '' then
      redis.call('SET', key, new)
    else
      redis.call('SET', key, new, 'PX', life)
    end
  end
  verdicts[i] = verdict
end
return table.concat(verdicts)
