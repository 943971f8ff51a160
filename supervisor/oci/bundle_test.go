package oci

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// files makes files below a directory: a path that ends in / is a directory, a content that
// begins with -> is a symbolic link.
func files(t *testing.T, dir string, content map[string]string) {
	t.Helper()
	for name, text := range content {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		switch {
		case len(text) > 2 && text[:2] == "->":
			err = os.Symlink(text[2:], path)
		case text == "/":
			err = os.MkdirAll(path, 0o755)
		default:
			mode := os.FileMode(0o755)
			if filepath.Base(name) == "plain" {
				mode = 0o644
			}
			err = os.WriteFile(path, []byte(text), mode)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	const module, elf = moduleMagic + "rest", "\x7fELF"
	dir := t.TempDir()
	files(t, dir, map[string]string{
		"outside": module, "volume/tool": module, "volume-file": module,
		"root/bin/app": module, "root/bin/native": elf, "root/bin/plain": module, "root/bin/sub": "/",
		"root/usr/bin/app": elf, "root/usr/bin/only": module, "root/usr/bin/empty": "",
		"root/bin/up": "->../../../../../bin/app", "root/bin/out": "->/outside", "root/bin/loop": "->loop",
		"root/bin/script": "#!/bin/app -x  two words \nx", "root/bin/bare": "#! /bin/app\n",
		"root/bin/twice": "#!/bin/script\n", "root/bin/sh-script": "#!/bin/native\n", "root/bin/relative": "#!bin/app\n",
		"root/data": "/", "root/file": elf,
	})
	root, err := openRoot(filepath.Join(dir, "root"), []bind{
		{"/data", filepath.Join(dir, "volume")}, {"/file", filepath.Join(dir, "volume-file")},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer root.close()
	cases := []struct {
		name, cwd, path string
		want            program
	}{
		{"app", "/", "/bin:/usr/bin", program{kind: wasm, path: "/bin/app", file: "/bin/app"}},
		{"app", "/", "/usr/bin:/bin", program{kind: native, path: "/usr/bin/app", file: "/usr/bin/app"}},
		{"only", "/", "/none:/bin:/usr/bin", program{kind: wasm, path: "/usr/bin/only", file: "/usr/bin/only"}},
		{"app", "/", "", program{}},
		{"./bin/app", "/", "", program{kind: wasm, path: "/bin/app", file: "/bin/app"}},
		{"./app", "/bin", "", program{kind: wasm, path: "/bin/app", file: "/bin/app"}},
		{"app", "/", "bin", program{kind: wasm, path: "/bin/app", file: "/bin/app"}},
		{"/bin/up", "/", "", program{kind: wasm, path: "/bin/up", file: "/bin/up"}},
		{"/bin/plain", "/", "", program{}},
		{"plain", "/", "/bin:/usr/bin", program{}},
		{"/bin/sub", "/", "", program{}},
		{"/usr/bin/empty", "/", "", program{}},
		{"/data/tool", "/", "", program{kind: wasm, path: "/data/tool", file: "/data/tool"}},
		{"/file", "/", "", program{kind: wasm, path: "/file", file: "/file"}},
		{"script", "/", "/bin", program{kind: wasm, path: "/bin/script", file: "/bin/app", script: []string{"/bin/app", "-x  two words", "/bin/script"}}},
		{"/bin/bare", "/", "", program{kind: wasm, path: "/bin/bare", file: "/bin/app", script: []string{"/bin/app", "/bin/bare"}}},
		{"/bin/twice", "/", "", program{kind: wasm, path: "/bin/twice", file: "/bin/app",
			script: []string{"/bin/app", "-x  two words", "/bin/script", "/bin/twice"}}},
		{"/bin/relative", "/", "", program{kind: native, path: "/bin/relative", file: "/bin/relative"}},
	}
	for _, c := range cases {
		got, err := root.find(c.name, c.cwd, c.path)
		if err != nil || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s in %s with PATH=%s: %+v, %v, want %+v", c.name, c.cwd, c.path, got, err, c.want)
		}
	}
	if got, err := root.find("/bin/sh-script", "/", ""); err != nil || got.kind != native {
		t.Errorf("a script for a native shell: %+v, %v", got, err)
	}
	for _, name := range []string{"/bin/none", "/bin/out", "/bin/loop", "/../outside"} {
		if got, err := root.find(name, "/", ""); err == nil {
			t.Errorf("%s: %+v, want an error", name, got)
		}
	}
}

func TestRewriteKeepsTheRest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	const config = `{
		"ociVersion": "9.9", "unknown": {"deep": [1, 18446744073709551615, "<&>"]},
		"root": {"path": "rootfs", "readonly": true, "odd": 1},
		"process": {"args": ["app", "-x"], "cwd": "/", "env": ["A=b"], "future": true},
		"mounts": [{"destination": "/data", "type": "bind", "source": "volume", "options": ["rbind", "odd"], "more": 2},
			{"destination": "/proc", "type": "proc", "source": "proc"}]
	}`
	files(t, dir, map[string]string{"config.json": config})
	b, err := loadBundle(dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := b.rewrite(program{kind: wasm, path: "/bin/app", file: "/bin/app"}, "/libexec/helper", "/var/cache/x")
	if err != nil {
		t.Fatal(err)
	}
	var got, want map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(config), &want); err != nil {
		t.Fatal(err)
	}
	want["root"].(map[string]any)["path"] = filepath.Join(dir, "rootfs")
	want["process"].(map[string]any)["args"] = []any{helperMount, "--cache=" + cacheMount, "--", "/bin/app", "app", "-x"}
	mounts := want["mounts"].([]any)
	mounts[0].(map[string]any)["source"] = filepath.Join(dir, "volume")
	ro := []any{"bind", "ro", "nosuid", "nodev"}
	want["mounts"] = append(mounts,
		map[string]any{"destination": helperMount, "type": "bind", "source": "/libexec/helper", "options": ro},
		map[string]any{"destination": cacheMount, "type": "bind", "source": "/var/cache/x", "options": ro})
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	// A native program keeps its command line, and has no use for a cache that there is not.
	if text, err = b.rewrite(program{}, "/h", ""); err != nil {
		t.Fatal(err)
	}
	var spec specs.Spec
	if err := json.Unmarshal(text, &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Mounts) != 3 || !reflect.DeepEqual(spec.Process.Args, []string{"app", "-x"}) {
		t.Errorf("%+v", spec)
	}
}

func TestDemand(t *testing.T) {
	t.Parallel()
	cases := []struct {
		annotations map[string]string
		want        demand
		fails       bool
	}{
		{nil, byContents, false},
		{map[string]string{handlerAnnotation: "wasm"}, mustBeWasm, false},
		{map[string]string{handlerAnnotation: "wasm-smart"}, mayBeWasm, false},
		{map[string]string{variantAnnotation: "compat"}, mustBeWasm, false},
		{map[string]string{variantAnnotation: "compat-smart"}, mayBeWasm, false},
		{map[string]string{handlerAnnotation: "krun"}, byContents, false},
		{map[string]string{variantAnnotation: "odd"}, 0, true},
	}
	for _, c := range cases {
		b := bundle{spec: specs.Spec{Annotations: c.annotations}}
		if got, err := b.demand(); got != c.want || (err != nil) != c.fails {
			t.Errorf("%v: %v, %v", c.annotations, got, err)
		}
	}
}

func TestValidID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]bool{"a": true, "A.b-c_d+1": true, "": false, ".": false, "..": false, "a/b": false, "a b": false} {
		if validID(id) != want {
			t.Errorf("%q: %v", id, !want)
		}
	}
}
