package redis

import driver "github.com/redis/go-redis/v9"

// AddHook lets a test step between the commands of a store.
func (s *Store) AddHook(h driver.Hook) { s.primary.AddHook(h) }
