package tiles

// Bytes gives the length of a key's section where every tile is there: with values as they
// usually are, and at the most.
func (p *Plan) Bytes() (usual, worst int) { return 0, 0 }
