package oci

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// What is kept of a container is the changed bundle: its config.json, and originalFile with
// the directory of the one that it was made from.
const originalFile = "bundle"

// knownState is a container that this runtime has changed.
type knownState struct {
	*bundle
	original string
}

// cache is the directory of compiled modules in the container, empty for none.
func (k *knownState) cache() string {
	for _, m := range k.spec.Mounts {
		if m.Destination == cacheMount {
			return m.Source
		}
	}
	return ""
}

var idPattern = regexp.MustCompile(`^[\w+.-]+$`)

// validID reports whether id can be a container's, as runc has it.
func validID(id string) bool {
	return idPattern.MatchString(id) && id != "." && id != ".."
}

// roots is the directory of all containers of the other runtime's --root: engines use several,
// whose containers may have the same names.
func (r *runtime) roots() string {
	root := r.Root
	if root == "" {
		root = "default"
	}
	return filepath.Join(r.Config.State, url.PathEscape(filepath.Clean(root)))
}

func (r *runtime) stateDir(id string) string { return filepath.Join(r.roots(), id) }

// delegateDir is where the other runtime keeps a container, if that is known.
func (r *runtime) exists(id string) bool {
	root := r.Root
	if root == "" {
		root = "/run/" + filepath.Base(r.delegate)
		if os.Geteuid() != 0 {
			root = filepath.Join(os.Getenv("XDG_RUNTIME_DIR"), filepath.Base(r.delegate))
		}
	}
	_, err := os.Lstat(filepath.Join(root, id))
	return !errors.Is(err, os.ErrNotExist)
}

// newState writes down a changed bundle and returns its directory. It removes those of
// containers that are gone.
func (r *runtime) newState(id string, b *changedBundle) (string, error) {
	r.sweep()
	dir := r.stateDir(id)
	if r.exists(id) {
		return dir, fmt.Errorf("container with given ID already exists")
	}
	os.RemoveAll(dir) // of a container that ended unseen
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	err := os.WriteFile(filepath.Join(dir, originalFile), []byte(b.original), 0o600)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "config.json"), b.config, 0o600)
	}
	if err != nil {
		os.RemoveAll(dir)
		return "", err
	}
	return dir, nil
}

// sweep removes what is kept of containers that the other runtime does not know any more.
// One that is being created has no directory there yet, but a lock here.
func (r *runtime) sweep() {
	entries, err := os.ReadDir(r.roots())
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if err == nil && !r.exists(e.Name()) && olderThan(info.ModTime(), creating) {
			os.RemoveAll(filepath.Join(r.roots(), e.Name()))
		}
	}
}

// loadState returns what is kept of a container; nil if it is none of ours.
func (r *runtime) loadState(id string) (*knownState, error) {
	dir := r.stateDir(id)
	original, err := os.ReadFile(filepath.Join(dir, originalFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, err := loadBundle(dir)
	if err != nil {
		return nil, err
	}
	if b.spec.Process == nil {
		return nil, fmt.Errorf("%s has no process", filepath.Join(dir, "config.json"))
	}
	return &knownState{bundle: b, original: strings.TrimSpace(string(original))}, nil
}
