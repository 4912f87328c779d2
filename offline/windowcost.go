package offline

// windowCost is what the windows of a use were seen to take: so much for each slot, and so
// much whatever the slots are, as what a hot key keeps of its events is the same for one
// request and for a thousand.
type windowCost struct {
	slot, fixed int64 // bytes

	slots, bytes int64 // of the part before
}

// learn takes what a part's slots took for what the next one's will. Fewer slots that take
// about as much, or less, show what is fixed; without that, ever shorter parts would seem to need ever more
// for each slot. Where they take much more, it is their keys that have more events.
func (c *windowCost) learn(slots, bytes int64) {
	switch {
	case slots == 0:
		return
	case c.slots == 0:
		c.slot = bytes / slots
	case 4*slots <= 3*c.slots && 4*bytes <= 5*c.bytes:
		c.slot = max(c.bytes-bytes, 0) / (c.slots - slots)
		c.fixed = max(bytes-c.slot*slots, 0)
	default:
		c.slot = max(c.slot, (bytes-c.fixed)/slots)
	}
	c.slots, c.bytes = slots, bytes
}
