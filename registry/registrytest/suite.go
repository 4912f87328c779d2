// Package registrytest has the suite that every registry.Store passes, and the benchmark
// that compares them.
package registrytest

import (
	"testing"

	"github.com/quiver-features/quiver/registry"
)

// Fresh makes an empty registry of project "flights" and gives a function that
// opens another handle on it each time, as another process would. The function
// sees to the closing of what it opened.
type Fresh func(t *testing.T) (open func() registry.Store)

// Run runs the suite.
func Run(t *testing.T, fresh Fresh) {
	for _, part := range []struct {
		name string
		test func(*testing.T, func() registry.Store)
	}{
		{"an empty registry has an identity and nothing else", emptyRegistry},
		{"two registries have two identities", nil},
		{"a commit makes the next revision", commitMakesTheNextRevision},
		{"a commit on an old base changes nothing", commitOnAnOldBase},
		{"a commit that contradicts itself changes nothing", commitThatContradictsItself},
		{"of ten that commit at once exactly one wins each revision", tenCommitAtOnce},
		{"an older revision is loaded as it was", olderRevisions},
		{"a revision that does not exist is not found", noSuchRevision},
		{"history tells everything, newest first", history},
		{"large and awkward texts come back as they were", awkwardTexts},
		{"a new storage is active where there is none and else filling", storageStates},
		{"storage ids are never used again", storageIDs},
		{"a rebuild makes a storage beside the active one", rebuilds},
		{"activating switches at once and may be repeated", activate},
		{"a storage that was replaced can't be activated", activateRetired},
		{"a switch is to what was compared with what readers are given", activateCompared},
		{"a storage that was forgotten is loaded no more", forgetStorage},
		{"run numbers grow over all handles", runNumbers},
		{"a run is saved until it is over", saveRun},
		{"only the last two runs that are done keep their files", filesOfRuns},
		{"runs are listed newest first", listRuns},
		{"everything is there after reopening", reopen},
		{"a context that ended changes nothing", endedContext},
		{"a closed store says so and may be closed again", closed},
	} {
		t.Run(part.name, func(t *testing.T) {
			if part.test == nil {
				twoIdentities(t, fresh)
				return
			}
			part.test(t, fresh(t))
		})
	}
}
