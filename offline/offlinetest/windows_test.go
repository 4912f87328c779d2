package offlinetest_test

import (
	"testing"

	"github.com/quiver-features/quiver/offline/offlinetest"
)

func TestTheOracleAnswersEveryWindowScript(t *testing.T) {
	offlinetest.RunWindows(t, offlinetest.Oracle{})
}
