package redis

import driver "github.com/redis/go-redis/v9"

// AddHook lets a test step between the commands of a store.
func (s *Store) AddHook(h driver.Hook) { s.primary.AddHook(h) }

// SlotOf is the slot of a tag.
func SlotOf(tag int) int { return slotOf(tag) }
