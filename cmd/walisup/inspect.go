//go:build linux && amd64

package main

import (
	"errors"

	"github.com/spf13/cobra"

	"walisup/supervisor/control"
	"walisup/supervisor/instance"
	"walisup/supervisor/proctree"
)

// inspectVersion is the version of what inspect prints. It changes when a field is
// removed or gets another meaning, not when one is added.
const inspectVersion = 1

// inspection is all that is known of an instance.
type inspection struct {
	Version int `json:"version"`
	view
	StateDir  string           `json:"state_dir"`
	LogFile   string           `json:"log_file,omitempty"`
	Options   instance.Options `json:"options"`
	Start     instance.Command `json:"start"`
	Policy    *policyView      `json:"policy,omitempty"`
	Processes []processView    `json:"processes"`

	// Sources is where the supervisor's knowledge of the processes comes from.
	Sources []proctree.Mechanism `json:"sources"`
}

func newInspectCommand(state *stateFlag) *cobra.Command {
	format := formatFlag{}
	cmd := &cobra.Command{
		Use:   "inspect [flags] instance...",
		Short: "Show detailed information about instances",
		Long: `inspect prints detailed information about instances as JSON: how they were started,
their processes, what they are confined by, and how they ended. The field "version"
changes when a field is removed or gets another meaning.`,
		Example: `  walisup inspect cache
  walisup inspect --format '{{.Pid}} {{.StateDir}}' cache`,
		ValidArgsFunction: state.complete(0, nil),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return errors.New("inspect: no instance given; try walisup inspect --help")
			}
			var list []inspection
			status := 0
			for _, name := range args {
				i, err := state.find(name)
				if err != nil {
					status = report(err)
					continue
				}
				list = append(list, inspect(i))
			}
			if status != 0 && len(list) == 0 {
				return guestStatus(status)
			}
			if err := printList(cmd.OutOrStdout(), format, list, nil); err != nil {
				return err
			}
			if status != 0 {
				return guestStatus(status)
			}
			return nil
		},
	}
	format.register(cmd, formatJSON)
	return cmd
}

func inspect(i *instance.Instance) inspection {
	found := inspection{
		Version:   inspectVersion,
		view:      newView(i),
		StateDir:  i.File(""),
		Options:   i.Options,
		Start:     i.Command,
		Processes: []processView{},
		Sources:   []proctree.Mechanism{},
	}
	if i.Options.Detached {
		found.LogFile = i.File(instance.LogFile)
	}
	pid := 0
	if isActive(i) {
		pid = i.State.Main.Pid
	}
	found.Policy = newPolicyView(&i.Command.Confinement, pid)
	found.Start.Confinement.Filters = nil // which only the kernel can read
	if isActive(i) {
		snapshot := control.Snapshot(i)
		found.Processes = processViews(snapshot.Processes)
		found.Sources = append(found.Sources, snapshot.Sources...)
	}
	return found
}
