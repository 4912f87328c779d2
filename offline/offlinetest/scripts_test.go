package offlinetest_test

import (
	"testing"

	"github.com/quiver-features/quiver/offline/offlinetest"
)

func TestTheOracleAnswersEveryScript(t *testing.T) {
	offlinetest.Run(t, offlinetest.Oracle{})
}

func TestTheOracleAnswersEveryScriptOfExpressions(t *testing.T) {
	offlinetest.RunExpressions(t, offlinetest.Oracle{})
}
