package control

import (
	"walisup/supervisor"
	"walisup/supervisor/instance"
)

// SpecOf returns how to start what a record says.
func SpecOf(c *instance.Command) (supervisor.Spec, error) {
	boot, err := c.Boot()
	return supervisor.Spec{
		Module: string(c.Path),
		Argv0:  string(c.Argv0),
		Args:   instance.Strings(c.Args),
		Env:    instance.Strings(c.Env),
		Dir:    string(c.Dir),
		Helper: string(c.Helper),
		Files:  c.Files,
		Inherited: &supervisor.Inherited{
			Ignored: c.Ignored, Mask: c.Mask, NoFile: c.NoFile,
		},
		Isolation: c.Isolation,
		Boot:      boot,
	}, err
}
