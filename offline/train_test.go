package offline_test

import (
	"testing"

	"github.com/quiver-features/quiver/offline/offlinetest"
)

func TestTrainAnswersEveryScript(t *testing.T) {
	offlinetest.Run(t, setup{workers: 3, chunk: 2, record: 3}.engine(t))
}

func TestTrainAnswersEveryScriptOfExpressions(t *testing.T) {
	offlinetest.RunExpressions(t, setup{workers: 3, chunk: 2, record: 3}.engine(t))
}

func TestTrainAgreesWithTheOracle(t *testing.T) {
	for name, s := range map[string]setup{
		"one worker":         {workers: 1, chunk: 1000, record: 1000},
		"many workers":       {workers: 4, chunk: 3, record: 5},
		"without statistics": {workers: 2, chunk: 7, record: 2, noTimes: true},
	} {
		t.Run(name, func(t *testing.T) { offlinetest.Check(t, s.engine(t), 400) })
	}
}

func TestTrainAnswersEveryWindowScript(t *testing.T) {
	offlinetest.RunWindows(t, setup{workers: 3, chunk: 2, record: 3}.engine(t))
}

func TestTrainAgreesWithTheOracleOnWindows(t *testing.T) {
	for name, s := range map[string]setup{
		"one worker":         {workers: 1, chunk: 1000, record: 1000},
		"many workers":       {workers: 4, chunk: 3, record: 5},
		"without statistics": {workers: 2, chunk: 7, record: 2, noTimes: true},
	} {
		t.Run(name, func(t *testing.T) { offlinetest.CheckWindowsFrom(t, s.engine(t), 1, 300) })
	}
}

func TestTrainAgreesWithTheOracleOnExpressions(t *testing.T) {
	for name, s := range map[string]setup{
		"one worker":   {workers: 1, chunk: 1000, record: 1000},
		"many workers": {workers: 4, chunk: 3, record: 5},
	} {
		t.Run(name, func(t *testing.T) { offlinetest.CheckExpressionsFrom(t, s.engine(t), 1, 300) })
	}
}
