package cli

import (
	"testing"

	"github.com/sluice-ci/sluice/internal/tool"
)

func TestStatusOfVerifying(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		states []tool.State
		named  bool
		want   int
	}{
		{[]tool.State{tool.Installed, tool.Installed}, true, ExitPassed},
		{[]tool.State{tool.Installed, tool.Missing, tool.InPath, tool.Refused}, false, ExitPassed},
		{[]tool.State{tool.Installed, tool.Missing}, true, ExitMissing},
		{[]tool.State{tool.InPath}, true, ExitMissing},
		{[]tool.State{tool.Missing, tool.Broken}, true, ExitFailed},
		{[]tool.State{tool.Broken, tool.Missing}, false, ExitFailed},
	} {
		var all []tool.Status
		for _, s := range tt.states {
			all = append(all, tool.Status{State: s})
		}
		if got := verified(all, tt.named); got != tt.want {
			t.Errorf("%v, named %v: %d", tt.states, tt.named, got)
		}
	}
}
