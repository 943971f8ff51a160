//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"walisup/supervisor"
	"walisup/supervisor/instance"
	"walisup/supervisor/monitor"
)

// stateFlag says where instances are recorded.
type stateFlag struct{ dir string }

func (s *stateFlag) register(flags *pflag.FlagSet) {
	flags.StringVar(&s.dir, "state-dir", "", "`directory` of the instances' records (default: /run/walisup for root, otherwise walisup in XDG_RUNTIME_DIR)")
}

func (s *stateFlag) open() (*instance.Store, error) { return instance.Open(s.dir) }

func warn(err error) { fmt.Fprintf(os.Stderr, "walisup: %v\n", err) }

// find returns the instance that reference means, with a monitor if it needs one.
func (s *stateFlag) find(reference string) (*instance.Instance, error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	i, err := store.Find(reference)
	if err != nil {
		return nil, err
	}
	if err := i.Refresh(); err != nil {
		return nil, err
	}
	return i, adopt(i)
}

// adopt gives the instance a monitor if it has lost its own.
func adopt(i *instance.Instance) error {
	if !i.Orphaned() {
		return nil
	}
	if err := monitor.Adopt(i); err != nil {
		warn(fmt.Errorf("instance %s has lost its monitor: %w", i.Name, err))
	}
	return i.Reload()
}

// list returns all instances, each with a monitor if it needs one.
func (s *stateFlag) list() ([]*instance.Instance, error) {
	store, err := s.open()
	if err != nil {
		return nil, err
	}
	all, err := store.Sweep()
	if err != nil {
		warn(err) // a command that only looks shows the others
	}
	for _, i := range all {
		if err := adopt(i); err != nil && !errors.Is(err, instance.ErrNotFound) {
			return nil, err
		}
	}
	return all, nil
}

// each calls do for every instance that is named, or for all that want accepts if
// all is set, for several at the same time, and prints the names of those for which it
// has succeeded. One failure does not keep it from the others.
func (s *stateFlag) each(cmd *cobra.Command, names []string, all bool, want func(*instance.Instance) bool, do func(*instance.Instance) error) error {
	switch {
	case all && len(names) > 0:
		return fmt.Errorf("%s: give either instances or --all", cmd.Name())
	case !all && len(names) == 0:
		return fmt.Errorf("%s: no instance given; try %s --help", cmd.Name(), cmd.CommandPath())
	}
	var list []*instance.Instance
	failures := make([]error, len(names))
	for n, name := range names {
		i, err := s.find(name)
		list, failures[n] = append(list, i), err
	}
	if all {
		found, err := s.list()
		if err != nil {
			return err
		}
		for _, i := range found {
			if want(i) {
				list, names, failures = append(list, i), append(names, i.Name), append(failures, nil)
			}
		}
	}
	var wait sync.WaitGroup
	room := make(chan struct{}, atOnce)
	for n, i := range list {
		if failures[n] != nil {
			continue
		}
		room <- struct{}{}
		wait.Go(func() {
			failures[n] = do(i)
			<-room
		})
	}
	wait.Wait()
	status := 0
	for n, err := range failures {
		if err == nil {
			_, err = fmt.Fprintln(cmd.OutOrStdout(), names[n])
		}
		if err != nil {
			status = report(err)
		}
	}
	if status != 0 {
		return guestStatus(status)
	}
	return nil
}

// atOnce is on how many instances a command works at the same time.
const atOnce = 16

func isActive(i *instance.Instance) bool { return i.Condition().Active() }

// notActive is the error of commands that need a running instance.
func notActive(i *instance.Instance) error {
	return &supervisor.Error{Status: supervisor.ExitOwn, Err: fmt.Errorf("instance %s is not running", i.Name)}
}

// complete offers names of instances that want accepts, and ids if the word looks
// like one.
func (s *stateFlag) complete(most int, want func(*instance.Instance) bool) cobra.CompletionFunc {
	return func(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
		if most > 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		store, err := s.open()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		all, _ := store.List()
		var found []string
		for _, i := range all {
			if want != nil && !want(i) {
				continue
			}
			description := fmt.Sprintf("\t%s, %s", i.Condition().Phase, i.Command.Argv0)
			switch {
			case strings.HasPrefix(i.Name, word):
				found = append(found, i.Name+description)
			case strings.HasPrefix(i.ID, word):
				found = append(found, i.Short()+description)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}
