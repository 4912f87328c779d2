package serving

import (
	"fmt"
	"testing"
)

func TestThePlanCacheIsBoundedAndKeepsWhatIsUsed(t *testing.T) {
	c := newPlanCache(10)
	kept := &plan{service: "kept"}
	c.put("kept", kept)
	for i := range 1000 {
		c.put(fmt.Sprint(i), &plan{})
		if c.get([]byte("kept")) != kept {
			t.Fatalf("lost what was used, after %d others", i)
		}
		if c.len() > 20 {
			t.Fatalf("holds %d plans", c.len())
		}
	}
	if c.get([]byte("0")) != nil {
		t.Error("kept what was not used")
	}
}

func TestMarksOfStoragesThatAreNotActiveAreForgotten(t *testing.T) {
	m := &marks{byStorage: map[uint64]*mark{}}
	m.get("a", 1)
	m.get("b", 2)
	m.keep(func(storage uint64) bool { return storage == 2 })
	if all := m.all(); len(all) != 1 || all[0].storage != 2 {
		t.Errorf("%d marks", len(all))
	}
}
