package wazero_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"walisup/helper/engine/wazero/enginetest"
	"walisup/helper/engine/wazero/layout"
)

// The WebAssembly specification's own tests, as the engine's module has them. They are
// run in two ways: as they are, on the patched compiler, and as programs, through all
// that a module goes through on its way into a helper.

// suites are the directories of tests with the features that they are about.
var suites = []struct {
	name     string
	features api.CoreFeatures
}{
	{"v1", api.CoreFeaturesV1},
	{"v2", api.CoreFeaturesV2},
	{"threads", api.CoreFeaturesV2 | experimental.CoreFeaturesThreads},
	{"tail-call", api.CoreFeaturesV2 | experimental.CoreFeaturesTailCall},
	{"exception-handling", layout.Features},
	{"extended-const", api.CoreFeaturesV2 | experimental.CoreFeaturesExtendedConst},
}

// specDirectory is where the suites are.
var specDirectory = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	return filepath.Join(strings.TrimSpace(string(out)), "internal/integration_test/spectest"), err
})

// script is a test file: what wast2json makes of a .wast.
type script struct {
	name     string // suite/file
	dir      string
	features api.CoreFeatures
	Commands []command `json:"commands"`
}

type command struct {
	Kind       string `json:"type"`
	Line       int    `json:"line"`
	Name       string `json:"name"`
	Filename   string `json:"filename"`
	As         string `json:"as"`
	Text       string `json:"text"`
	ModuleType string `json:"module_type"`
	Action     struct {
		Kind   string      `json:"type"`
		Field  string      `json:"field"`
		Module string      `json:"module"`
		Args   []specValue `json:"args"`
	} `json:"action"`
	Expected []specValue `json:"expected"`
}

type specValue struct {
	Type  string `json:"type"`
	Lane  string `json:"lane_type"`
	Value any    `json:"value"`
}

// scripts calls f with each script, as a subtest of its own.
func scripts(t *testing.T, f func(t *testing.T, s *script)) {
	enginetest.NeedPatches(t)
	top, err := specDirectory()
	if err != nil {
		t.Fatalf("cannot find the engine's module: %v", err)
	}
	for _, suite := range suites {
		dir := filepath.Join(top, suite.name, "testdata")
		files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
		if len(files) == 0 {
			t.Fatalf("no tests in %s", dir)
		}
		for _, file := range files {
			s := &script{dir: dir, features: suite.features, name: suite.name + "/" + strings.TrimSuffix(filepath.Base(file), ".json")}
			t.Run(s.name, func(t *testing.T) {
				content, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if err := json.Unmarshal(content, s); err != nil {
					t.Fatal(err)
				}
				f(t, s)
			})
		}
	}
}

func (s *script) file(c *command) ([]byte, error) {
	return os.ReadFile(filepath.Join(s.dir, c.Filename))
}

// words is a value as the engine passes it.
func (v *specValue) words() []uint64 {
	if v.Type == "v128" {
		var words [2]uint64
		lanes := v.Value.([]any)
		width := 128 / len(lanes)
		for i, lane := range lanes {
			words[i*width/64] |= number(lane.(string), width) << (i * width % 64)
		}
		return words[:]
	}
	text, _ := v.Value.(string)
	switch {
	case text == "" || text == "null":
		return []uint64{0}
	case v.Type == "externref":
		return []uint64{number(text, 64) + 1} // the engine takes 0 for null
	}
	width, _ := strconv.Atoi(v.Type[1:])
	return []uint64{number(text, width)}
}

func number(text string, width int) uint64 {
	if strings.HasPrefix(text, "nan:") {
		return 0 // compared by matches
	}
	if n, err := strconv.ParseUint(text, 10, width); err == nil {
		return n
	}
	n, err := strconv.ParseInt(text, 10, width)
	if err != nil {
		panic(err)
	}
	return uint64(n) & (1<<width - 1)
}

// matches says whether a result is what v says.
func (v *specValue) matches(got []uint64) bool {
	if v.Value == nil { // any reference but null
		return got[0] != 0
	}
	lanes, isVector := v.Value.([]any)
	if !isVector {
		lanes = []any{v.Value}
	}
	width := 128 / len(lanes)
	floats := strings.HasPrefix(v.Lane, "f")
	if !isVector {
		width, floats = 64, strings.HasPrefix(v.Type, "f") && v.Type != "funcref"
		if strings.HasSuffix(v.Type, "32") {
			width = 32
		}
	}
	want := v.words()
	for i, lane := range lanes {
		mask := uint64(math.MaxUint64) >> (64 - width)
		g := got[i*width/64] >> (i * width % 64) & mask
		w := want[i*width/64] >> (i * width % 64) & mask
		text, _ := lane.(string)
		if floats && strings.HasPrefix(text, "nan:") {
			if !isNaN(g, width, text == "nan:canonical") {
				return false
			}
		} else if g != w {
			return false
		}
	}
	return true
}

// isNaN says whether bits are a quiet NaN, the canonical one but for its sign if
// that is asked for.
func isNaN(bits uint64, width int, canonical bool) bool {
	quiet := uint64(0x7fc00000)
	if width == 64 {
		quiet = 0x7ff8000000000000
	}
	if canonical {
		return bits&^(1<<(width-1)) == quiet
	}
	return bits&quiet == quiet
}

func wordsOf(values []specValue) (words []uint64) {
	for i := range values {
		words = append(words, values[i].words()...)
	}
	return words
}

// trapText is how the engine's error begins for the trap that a test names.
func trapText(text string) string {
	for _, known := range []struct{ begins, engine string }{
		{"out of bounds memory access", "out of bounds memory access"},
		{"indirect call", "indirect call type mismatch"},
		{"undefined", "invalid table access"},
		{"uninitialized", "invalid table access"},
		{"out of bounds table access", "invalid table access"},
		{"integer overflow", "integer overflow"},
		{"invalid conversion to integer", "invalid conversion to integer"},
		{"integer divide by zero", "integer divide by zero"},
		{"unaligned atomic", "unaligned atomic"},
		{"unreachable", "unreachable"},
		{"uncaught exception", "uncaught exception"},
		{"expected shared memory", "expected shared memory"},
		{"null", "null reference"},
	} {
		if strings.HasPrefix(text, known.begins) {
			return "wasm error: " + known.engine
		}
	}
	return "no such trap: " + text
}

func trapped(err error, text string) error {
	switch want := trapText(text); {
	case err == nil:
		return fmt.Errorf("no trap, want %q", text)
	case !strings.HasPrefix(err.Error(), want):
		first, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("%s, want %q", first, text)
	}
	return nil
}

// specInstance is a module that a script has instantiated.
type specInstance struct {
	bench *enginetest.Bench
	api.Module
}

// runAction does a command's action and checks what comes of it.
func (i *specInstance) check(c *command) error {
	if i == nil {
		return fmt.Errorf("no module")
	}
	var got []uint64
	var err error
	switch c.Action.Kind {
	case "invoke":
		got, err = i.bench.Call(i.Module, c.Action.Field, wordsOf(c.Action.Args)...)
	case "get":
		got = []uint64{i.ExportedGlobal(c.Action.Field).Get()}
	default:
		return fmt.Errorf("unknown action %q", c.Action.Kind)
	}
	switch c.Kind {
	case "assert_trap":
		return trapped(err, c.Text)
	case "assert_exhaustion":
		if err == nil || !strings.HasPrefix(err.Error(), "stack overflow") {
			return fmt.Errorf("%v, want a stack overflow", err)
		}
		return nil
	case "assert_exception":
		return trapped(err, "uncaught exception")
	}
	if err != nil {
		return err
	}
	n := 0
	for _, v := range c.Expected {
		if n >= len(got) || !v.matches(got[n:]) {
			return fmt.Errorf("%s%v: %#x, want %v", c.Action.Field, c.Action.Args, got, c.Expected)
		}
		n += len(v.words())
	}
	if n != len(got) && c.Kind == "assert_return" {
		return fmt.Errorf("%s: %d words of results, want %d", c.Action.Field, len(got), n)
	}
	return nil
}

// specHost is the module that the scripts import from: spectest.wat.
func specHost(t *testing.T) []byte {
	top, _ := specDirectory()
	b, err := os.ReadFile(filepath.Join(top, "testdata/spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSpecification runs all scripts as they are.
func TestSpecification(t *testing.T) {
	count := 0
	differ := differences{known: specDifferences}
	scripts(t, func(t *testing.T, s *script) {
		ctx := context.Background()
		b := enginetest.For(t, wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(s.features)))
		if _, err := b.Instantiate(specHost(t), "spectest"); err != nil {
			t.Fatal(err)
		}
		var last *specInstance
		named := map[string]*specInstance{}
		of := func(c *command) *specInstance {
			if c.Action.Module != "" {
				return named[c.Action.Module]
			}
			return last
		}
		for n := range s.Commands {
			c := &s.Commands[n]
			if c.ModuleType == "text" {
				continue // there is no assembler here
			}
			count++
			var err error
			switch c.Kind {
			case "module":
				var binary []byte
				if binary, err = s.file(c); err != nil {
					t.Fatal(err)
				}
				name := ""
				if n+1 < len(s.Commands) && s.Commands[n+1].Kind == "register" {
					name = s.Commands[n+1].As
				}
				var m api.Module
				m, err = b.Instantiate(binary, name)
				last = nil
				if err == nil {
					last = &specInstance{b, m}
				}
				if c.Name != "" {
					named[c.Name] = last
				}
			case "register": // done with the module before it
				if n == 0 || s.Commands[n-1].Kind != "module" {
					err = fmt.Errorf("register stands by itself")
				}
			case "assert_return", "action", "assert_trap", "assert_exhaustion", "assert_exception":
				err = of(c).check(c)
			case "assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable":
				var binary []byte
				if binary, err = s.file(c); err != nil {
					t.Fatal(err)
				}
				_, refused := b.Instantiate(binary, "")
				if refused == nil {
					err = fmt.Errorf("accepted: %s", c.Text)
				}
			default:
				t.Fatalf("line %d: unknown command %q", c.Line, c.Kind)
			}
			differ.note(t, s, c, err)
		}
	})
	differ.finish(t)
	t.Logf("%d commands", count)
}

// difference is a place where we differ from the specification, and why.
type difference struct {
	script string
	lines  []int // nil for some of the script
	why    string
}

// differences compares what fails with what is known to.
type differences struct {
	known []difference
	seen  map[string]bool // script:line
}

func (d *differences) find(s *script, line int) bool {
	return slices.ContainsFunc(d.known, func(k difference) bool {
		return k.script == s.name && (k.lines == nil || slices.Contains(k.lines, line))
	})
}

func (d *differences) note(t *testing.T, s *script, c *command, err error) {
	if err == nil {
		return
	}
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	d.seen[s.name] = true
	d.seen[fmt.Sprintf("%s:%d", s.name, c.Line)] = true
	if !d.find(s, c.Line) {
		t.Errorf("%s:%d: %s: %v", s.name, c.Line, c.Kind, err)
	}
}

// finish fails the test if a known difference has not been seen.
func (d *differences) finish(t *testing.T) {
	if t.Failed() {
		return
	}
	for _, k := range d.known {
		if k.lines == nil && !d.seen[k.script] {
			t.Errorf("%s does not differ any more; take it off the list", k.script)
		}
		for _, line := range k.lines {
			if place := fmt.Sprintf("%s:%d", k.script, line); !d.seen[place] {
				t.Errorf("%s does not differ any more; take it off the list", place)
			}
		}
	}
}

// specDifferences are those of the engine itself.
var specDifferences = []difference{
	{"v2/elem", []int{239, 248, 257, 266, 273, 281, 290, 298, 307, 315, 324, 332},
		"the engine instantiates a module whose active element segments do not fit, without what does not fit"},
	{"v2/linking", []int{244, 267, 410}, "likewise"},
	{"exception-handling/try_table", []int{420, 464, 465, 466, 467, 468},
		"typed function references, which helpers do not offer"},
}
