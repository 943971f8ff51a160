//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walisup/cmd/internal/version"
)

// newRootCommand makes the command tree. If only names a command, that is the only
// one in it: to make them all takes half a millisecond, which start has no use for.
func newRootCommand(only string) *cobra.Command {
	state := new(stateFlag)
	root := &cobra.Command{
		Use:   "walisup",
		Short: "Run WebAssembly programs as Linux processes",
		Long: `walisup runs WebAssembly modules that speak WALI, the WebAssembly Linux
Interface: each runs as a real Linux process with files, signals and file descriptors.

What start starts is an instance: a module's first process, the main process, and all
processes that come from it. ps lists the instances. Commands take an instance's name,
its id or the first digits of its id.

The flags of start, and the global ones, can also be set by environment variables:
WALISUP_KEEP_DEBUG=1 stands for --keep-debug. For a flag without a value, the values 1,
true, yes and on set the flag; 0, false, no and off do not. An empty variable has no
effect. A flag on the command line overrides the variable. compile reads the variables
of the flags that it shares with start.

Exit status: start, exec and attach end as the module ends: with its exit status, or by
the signal that ended it, which a shell shows as 128+n. If they cannot end by that
signal, as the first process of a pid namespace, they exit with 128+n. They write no
core dump of their own. They exit with 125 if walisup itself failed, 126 if the module
cannot be run, and 127 if it does not exist. All other commands exit with 0, or with 125
if something failed.`,
		Version:           version.Text(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		Args:              cobra.NoArgs,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flagsFromEnvironment(cmd) },
		RunE: func(cmd *cobra.Command, _ []string) error {
			return errors.New("no command given; try walisup --help")
		},
	}
	root.SetVersionTemplate("walisup {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; try %s --help", err, cmd.CommandPath())
	})
	state.register(root.PersistentFlags())
	root.AddGroup(&cobra.Group{ID: groupInstances, Title: "Instances:"}, &cobra.Group{ID: groupOther, Title: "Other commands:"})
	for _, c := range commands {
		if only != "" && c.name != only {
			continue
		}
		command := c.make(state)
		command.GroupID = c.group
		root.AddCommand(command)
	}
	if documentCommands != nil {
		root.AddCommand(documentCommands()...)
	}
	root.SetCompletionCommandGroupID(groupOther)
	root.SetHelpCommandGroupID(groupOther)
	return root
}

// commands are all commands, as help lists them.
var commands = [...]struct {
	name  string
	group string
	make  func(*stateFlag) *cobra.Command
}{
	{"start", groupInstances, newStartCommand},
	{"ps", groupInstances, newPsCommand},
	{"top", groupInstances, newTopCommand},
	{"logs", groupInstances, newLogsCommand},
	{"stop", groupInstances, newStopCommand},
	{"kill", groupInstances, newKillCommand},
	{"wait", groupInstances, newWaitCommand},
	{"inspect", groupInstances, newInspectCommand},
	{"trace", groupInstances, newTraceCommand},
	{"update", groupInstances, newUpdateCommand},
	{"rm", groupInstances, newRemoveCommand},
	{"exec", groupInstances, newExecCommand},
	{"attach", groupInstances, newAttachCommand},
	{"events", groupInstances, newEventsCommand},
	{"pause", groupInstances, newPauseCommand},
	{"resume", groupInstances, newResumeCommand},
	{"compile", groupOther, func(*stateFlag) *cobra.Command { return newCompileCommand() }},
	{"binfmt", groupOther, func(*stateFlag) *cobra.Command { return newBinfmtCommand() }},
	{"version", groupOther, func(*stateFlag) *cobra.Command { return newVersionCommand() }},
}

// documentCommands is set in a walisup that can write its own documents.
var documentCommands func() []*cobra.Command

const (
	groupInstances = "instances"
	groupOther     = "other"
)

// readsEnvironment marks commands whose own flags have environment twins: start, which
// the kernel may call without flags of ours (binfmt_misc), and commands that share flags
// with it. Other flags have none: a variable must not make rm remove by force.
var readsEnvironment = map[string]string{"environment": "twins"}

// hasTwin reports whether a flag of a command can be set through the environment.
func hasTwin(cmd *cobra.Command, f *pflag.Flag) bool {
	if f.Name == "help" || f.Name == "version" {
		return false
	}
	return cmd.Annotations["environment"] != "" || cmd.InheritedFlags().Lookup(f.Name) != nil
}

// flagsFromEnvironment sets the flags that the command line has not from their
// environment twins, if they have any.
func flagsFromEnvironment(cmd *cobra.Command) error {
	var failure error
	flags := cmd.Flags()
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || !hasTwin(cmd, f) || failure != nil {
			return
		}
		name := environmentTwin(f.Name)
		value, ok := os.LookupEnv(name)
		if !ok || value == "" {
			return
		}
		value, ok, err := twinValue(f, value)
		if ok && err == nil {
			err = flags.Set(f.Name, value)
		}
		if err != nil {
			failure = fmt.Errorf("environment variable %s: %w", name, err)
		}
	})
	return failure
}

// twinValue returns what an environment variable says of its flag. For flags that need
// no value, words for yes are the flag alone, and words for no are no flag.
func twinValue(f *pflag.Flag, text string) (value string, set bool, err error) {
	if f.NoOptDefVal == "" {
		return text, true, nil
	}
	isBool := f.Value.Type() == "bool"
	switch strings.ToLower(text) {
	case "1", "t", "true", "y", "yes", "on":
		return f.NoOptDefVal, true, nil
	case "0", "f", "false", "n", "no", "off":
		return "false", isBool, nil
	}
	if isBool {
		return "", false, fmt.Errorf("%q is neither yes nor no; try 1 or 0", text)
	}
	return text, true, nil
}

func environmentTwin(flag string) string {
	return "WALISUP_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}
