package main

import (
	"testing"
	"testing/fstest"
)

func TestMemoryOf(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	const machine = "MemTotal:       16000000 kB\nMemFree:         1000000 kB\n"
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"another system":               {fstest.MapFS{}, 0},
		"a machine":                    {fstest.MapFS{"proc/meminfo": file(machine)}, 16_384_000_000},
		"a container":                  {fstest.MapFS{"proc/meminfo": file(machine), "sys/fs/cgroup/memory.max": file("2147483648\n")}, 2 << 30},
		"a container without a bound":  {fstest.MapFS{"proc/meminfo": file(machine), "sys/fs/cgroup/memory.max": file("max\n")}, 16_384_000_000},
		"a container of the old kind":  {fstest.MapFS{"proc/meminfo": file(machine), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("1073741824\n")}, 1 << 30},
		"an old one without a bound":   {fstest.MapFS{"proc/meminfo": file(machine), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 16_384_000_000},
		"a bound beyond the machine's": {fstest.MapFS{"proc/meminfo": file(machine), "sys/fs/cgroup/memory.max": file("99999999999999\n")}, 16_384_000_000},
		"a file that says nothing":     {fstest.MapFS{"proc/meminfo": file("")}, 0},
		"a file that makes no sense":   {fstest.MapFS{"proc/meminfo": file("MemTotal: many kB\n")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := memoryOf(c.files); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}
