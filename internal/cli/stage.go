package cli

import (
	"github.com/spf13/cobra"

	"github.com/sluice-ci/sluice/internal/pipeline"
)

// stageName is the hidden command that a run starts for each of its jobs.
const stageName = "stage-process"

func (a *app) stageCommand() *cobra.Command {
	return &cobra.Command{
		Use:    stageName,
		Short:  "Do one job of a run; for sluice itself",
		Hidden: true,
		RunE: func(c *cobra.Command, _ []string) error {
			return told(pipeline.Child(c.Context(), workers()))
		},
	}
}
