package testenv

import (
	"fmt"
	"strings"
	"testing"
)

func TestAClusterHoldsAllSlotsAndMovesOneWithItsKeys(t *testing.T) {
	c := NewRedisCluster(t, 3, 1)
	slot := c.Masters[0].Slot("{a}")
	if slot != 15495 { // by the formula of the cluster's specification
		t.Errorf("slot of {a}: got %d, want 15495", slot)
	}
	from, to := c.Masters[2], c.Masters[0]
	for i := range 10 {
		from.must(fmt.Sprintf("SET {a}%d x", i))
	}
	c.MoveSlot(slot, from, to, func() {
		if reply, _ := from.command(t.Context(), "GET {a}0"); !strings.HasPrefix(reply, "-ASK") && !strings.HasPrefix(reply, "$1") {
			t.Errorf("while the slot is moved: got %q", reply)
		}
	})
	for i := range 10 {
		if reply := to.must(fmt.Sprintf("GET {a}%d", i)); !strings.Contains(reply, "x") {
			t.Errorf("key %d: got %q", i, reply)
		}
	}
	c.Replicas[0].Promote(c.Masters[1])
}

func TestASentinelNamesTheNewMasterAfterAFailover(t *testing.T) {
	s := NewRedisSentinel(t)
	s.Failover()
	if reply := s.Master.must("PING"); !strings.HasPrefix(reply, "+PONG") {
		t.Errorf("the old master: got %q", reply)
	}
}
