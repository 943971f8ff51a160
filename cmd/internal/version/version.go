// Package version says which walisup the programs are of.
package version

import (
	"fmt"
	"runtime"
)

// Release is the version of walisup. CHANGELOG.md says what is in it.
const Release = "0.1.0"

// commit is set by the linker, see Makefile.
var commit = "unknown"

// Text is the release with what it was built from and by.
func Text() string {
	return fmt.Sprintf("%s (commit %s, %s %s/%s)", Release, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
