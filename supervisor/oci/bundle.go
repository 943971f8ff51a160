package oci

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// Where the container finds what is mounted into it. The path is in the way of no program:
// the Filesystem Hierarchy Standard has no such directory, and an image that has one keeps
// what is in it, but hidden.
const (
	mountDir    = "/.walisup"
	helperMount = mountDir + "/walisup-helper"
	cacheMount  = mountDir + "/cache"
)

// Annotations by which images and pods say that their program is a module, as other engines
// understand them too.
const (
	handlerAnnotation = "run.oci.handler"           // crun: wasm, wasm-smart
	variantAnnotation = "module.wasm.image/variant" // OCI artifacts for wasm: compat, compat-smart
)

// demand is what a bundle's annotations say about its program.
type demand int

const (
	byContents demand = iota // nothing: the file decides
	mayBeWasm                // the file decides, and what a native program executes may be wasm
	mustBeWasm
)

// bundle is a bundle's configuration, twice: as the specification's types, and as it is
// written, so that what these types do not know is kept.
type bundle struct {
	dir  string // absolute
	spec specs.Spec
	raw  map[string]json.RawMessage
}

// loadBundle reads config.json in a bundle.
func loadBundle(dir string) (*bundle, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("JSON specification file config.json not found in %s", dir)
	}
	if err != nil {
		return nil, err
	}
	b := &bundle{dir: dir}
	if err := json.Unmarshal(text, &b.spec); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "config.json"), err)
	}
	if err := json.Unmarshal(text, &b.raw); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, "config.json"), err)
	}
	return b, nil
}

// root is the directory that becomes the container's root.
func (b *bundle) root() string {
	if b.spec.Root == nil {
		return ""
	}
	if filepath.IsAbs(b.spec.Root.Path) {
		return b.spec.Root.Path
	}
	return filepath.Join(b.dir, b.spec.Root.Path)
}

// binds are the files and directories of the host that the container gets.
func (b *bundle) binds() []bind {
	var list []bind
	for _, m := range b.spec.Mounts {
		if !isBind(&m) {
			continue
		}
		source := m.Source
		if !filepath.IsAbs(source) {
			source = filepath.Join(b.dir, source)
		}
		list = append(list, bind{target: filepath.Clean("/" + m.Destination), source: source})
	}
	return list
}

func isBind(m *specs.Mount) bool {
	return m.Type == "bind" || slices.Contains(m.Options, "bind") || slices.Contains(m.Options, "rbind")
}

// demand reads the annotations.
func (b *bundle) demand() (demand, error) {
	found := byContents
	for name, values := range map[string][2]string{
		handlerAnnotation: {"wasm", "wasm-smart"},
		variantAnnotation: {"compat", "compat-smart"},
	} {
		switch got := b.spec.Annotations[name]; got {
		case "":
		case values[1]:
			found = max(found, mayBeWasm)
		case values[0]:
			found = mustBeWasm
		default:
			if strings.Contains(got, "wasm") || name == variantAnnotation {
				return 0, fmt.Errorf("annotation %s=%q: want %s or %s", name, got, values[0], values[1])
			}
		}
	}
	return found, nil
}

// searchPath returns PATH of an environment, or what Linux programs have without one.
func searchPath(env []string) string {
	found := "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	for _, e := range env {
		if value, ok := strings.CutPrefix(e, "PATH="); ok {
			found = value
		}
	}
	return found
}

// arguments returns the command line of the helper that runs a module in a container.
func arguments(p *program, cache string, args []string) []string {
	list := []string{helperMount}
	if cache != "" {
		list = append(list, "--cache="+cacheMount)
	}
	return append(append(list, "--", p.file), p.arguments(args)...)
}

// rewrite returns config.json for the other runtime: the process is the helper, which runs
// the module, and helper and cache are mounted. cache may be empty. A native process stays as
// it is.
func (b *bundle) rewrite(p program, helper, cache string) ([]byte, error) {
	raw := make(map[string]json.RawMessage, len(b.raw))
	for name, text := range b.raw {
		raw[name] = text
	}
	var process map[string]json.RawMessage
	if err := json.Unmarshal(raw["process"], &process); err != nil {
		return nil, err
	}
	if p.kind == wasm {
		if err := put(process, "args", arguments(&p, cache, b.spec.Process.Args)); err != nil {
			return nil, err
		}
	}
	if err := put(raw, "process", process); err != nil {
		return nil, err
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal(raw["root"], &root); err != nil {
		return nil, err
	}
	if err := put(root, "path", b.root()); err != nil {
		return nil, err
	}
	if err := put(raw, "root", root); err != nil {
		return nil, err
	}
	var mounts []json.RawMessage
	if text, ok := raw["mounts"]; ok {
		if err := json.Unmarshal(text, &mounts); err != nil {
			return nil, err
		}
	}
	for i := range mounts {
		if err := b.absoluteSource(&mounts[i]); err != nil {
			return nil, err
		}
	}
	add := []specs.Mount{{Destination: helperMount, Type: "bind", Source: helper, Options: []string{"bind", "ro", "nosuid", "nodev"}}}
	if cache != "" {
		add = append(add, specs.Mount{Destination: cacheMount, Type: "bind", Source: cache, Options: []string{"bind", "ro", "nosuid", "nodev"}})
	}
	for _, m := range add {
		text, err := json.Marshal(m)
		if err != nil {
			return nil, err
		}
		mounts = append(mounts, text)
	}
	if err := put(raw, "mounts", mounts); err != nil {
		return nil, err
	}
	return json.Marshal(raw)
}

// absoluteSource makes the source of a bind mount independent of where the bundle is.
func (b *bundle) absoluteSource(mount *json.RawMessage) error {
	var m specs.Mount
	if err := json.Unmarshal(*mount, &m); err != nil {
		return err
	}
	if !isBind(&m) || filepath.IsAbs(m.Source) {
		return nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(*mount, &fields); err != nil {
		return err
	}
	if err := put(fields, "source", filepath.Join(b.dir, m.Source)); err != nil {
		return err
	}
	text, err := json.Marshal(fields)
	*mount = text
	return err
}

// put sets one field, without the escapes that HTML needs.
func put[M ~map[string]json.RawMessage](fields M, name string, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err
	}
	fields[name] = bytes.TrimSpace(text.Bytes())
	return nil
}
