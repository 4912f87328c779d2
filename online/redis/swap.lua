-- Replaces a value if it is still the one that was read: compare-and-swap.
-- KEYS: the key. ARGV: the bytes read, '' for an absent key; the new ones; the
-- milliseconds that they live, '' for ever; how many of the first bytes tell it from others
-- of its key, and are the bytes read, '' for all. Returns what it
-- did: swapped, or changed where the value is another one by now.
local old = redis.call('GET', KEYS[1]) or ''
if ARGV[4] ~= '' then
  old = string.sub(old, 1, tonumber(ARGV[4]))
end
if old ~= ARGV[1] then
  return 'changed'
end
if ARGV[3] == '' then
  redis.call('SET', KEYS[1], ARGV[2])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 'swapped'
