package compiler

import (
	"errors"
	"fmt"
)

// Unsupported is why a module stays with the other engine.
type Unsupported struct{ What string }

func (u *Unsupported) Error() string { return "not supported in native code: " + u.What }

// unsupported gives a module up.
func unsupported(format string, args ...any) { panic(&Unsupported{fmt.Sprintf(format, args...)}) }

// caught makes an error of what recover returned: of an Unsupported, or of a module that
// is not what the engine's validator lets through.
func caught(r any, err error, where string) error {
	if r == nil {
		return err
	}
	if u, ok := r.(*Unsupported); ok {
		return &Unsupported{where + u.What}
	}
	if e, ok := r.(error); ok {
		return fmt.Errorf("%scannot be translated: %w", where, e)
	}
	return errors.New(where + "cannot be translated")
}
