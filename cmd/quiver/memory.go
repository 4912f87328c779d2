package main

import (
	"io/fs"
	"math"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
)

// boundMemory tells the garbage collector how much memory a command should use, and gives that:
// what was asked for, or else a quarter of what there is. 0: not known, and no bound. end lifts
// the bound.
func boundMemory(asked int64) (memory int64, end func()) {
	memory = asked
	if memory == 0 {
		memory = memoryOf(os.DirFS("/")) / 4
	}
	if memory == 0 {
		return 0, func() {}
	}
	before := debug.SetMemoryLimit(memory)
	return memory, func() { debug.SetMemoryLimit(before) }
}

// memoryOf gives the memory of the machine, or of the container that it is for a process, in bytes.
// 0: this system does not tell.
func memoryOf(root fs.FS) int64 {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0
	}
	least := int64(math.MaxInt64)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line) // MemTotal: 24000000 kB
		if len(fields) == 3 && fields[0] == "MemTotal:" && positive(fields[1]) < math.MaxInt64 {
			least = min(least, positive(fields[1])<<10)
		}
	}
	for _, limit := range []string{"sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"} {
		if text, err := fs.ReadFile(root, limit); err == nil {
			least = min(least, positive(strings.TrimSpace(string(text))))
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least
}

// positive reads a number; what is none, such as "max", is no bound.
func positive(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 || n > math.MaxInt64>>10 {
		return math.MaxInt64
	}
	return n
}
