package serving

import "sync"

// planCache keeps the plans that were used last: two generations of at most limit
// plans each. A plan that is found in the older generation moves to the newer
// one; when that is full the older one is dropped. It is safe for concurrent use.
type planCache struct {
	mu           sync.RWMutex
	limit        int
	newer, older map[string]*plan
}

func newPlanCache(limit int) *planCache {
	return &planCache{limit: limit, newer: map[string]*plan{}}
}

// get finds a plan, or nil. The key is not kept.
func (c *planCache) get(key []byte) *plan {
	c.mu.RLock()
	p := c.newer[string(key)]
	old := c.older[string(key)]
	c.mu.RUnlock()
	if p == nil && old != nil {
		c.put(string(key), old)
		return old
	}
	return p
}

func (c *planCache) put(key string, p *plan) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, has := c.newer[key]; !has && len(c.newer) >= c.limit {
		c.older, c.newer = c.newer, make(map[string]*plan, c.limit)
	}
	c.newer[key] = p
}

func (c *planCache) len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.newer) + len(c.older)
}
