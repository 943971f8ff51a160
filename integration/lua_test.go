package integration

import (
	"os"
	"strings"
	"testing"
)

// testdata returns the text of a file below testdata.
func testdata(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLua(t *testing.T) {
	t.Parallel()
	lua, luac := port(t, "lua5.4", "lua"), port(t, "lua5.4", "luac")
	script := func(name string) map[string]string {
		return map[string]string{"script.lua": testdata(t, "lua/"+name)}
	}
	with := func(files map[string]string, name, text string) map[string]string {
		files[name] = text
		return files
	}
	many := strings.Repeat("some text, then a new line\n", 10_000)
	cases := []struct {
		name    string
		program pair
		call    invocation
		status  int
	}{
		{"language", lua, invocation{args: []string{"script.lua", "an argument"}, files: script("language.lua")}, 0},
		{"system", lua, invocation{args: []string{"script.lua", "3", "two words"}, env: []string{"GREETING=hello world"},
			stdin: "first\nlast, without an end", files: with(script("system.lua"), "given.txt", many)}, 3},
		{"uncaught error", lua, invocation{args: []string{"script.lua"}, files: script("errors.lua")}, 1},
		{"failed calls", lua, invocation{args: []string{"script.lua", "1000"}, files: script("pcalls.lua")}, 0},
		{"script from standard input", lua, invocation{args: []string{"-", "x"}, stdin: "print(...)"}, 0},
		{"expression", lua, invocation{args: []string{"-e", "print(2^10, #arg)"}}, 0},
		{"prompt without a terminal", lua, invocation{args: []string{"-i"}, stdin: "x = 1\nx + 1\nerror('no')\n= x\n"}, 0},
		{"version", lua, invocation{args: []string{"-v"}}, 0},
		{"wrong option", lua, invocation{args: []string{"--wrong"}}, 1},
		{"missing script", lua, invocation{args: []string{"gone.lua"}}, 1},
		{"module from the working directory", lua, invocation{args: []string{"-e", "print(require('mod').x)"},
			files: map[string]string{"mod.lua": "return { x = 'found' }"}}, 0},
		{"syntax check", luac, invocation{args: []string{"-p", "script.lua"}, files: map[string]string{"script.lua": "x = = 1"}}, 1},
		{"listing", luac, invocation{args: []string{"-l", "-p", "script.lua"}, files: map[string]string{"script.lua": "local x = 1; print(x + 2)"}}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			native := c.program.runNative(t, c.call)
			if native.status != c.status {
				t.Fatalf("the native program's status is %d, want %d: %s", native.status, c.status, native.stderr)
			}
			guest := c.program.runGuest(t, c.call)
			if c.name == "listing" {
				// It prints where functions lie in memory.
				native.stdout, guest.stdout = withoutAddresses(native.stdout), withoutAddresses(guest.stdout)
			}
			compare(t, native, guest)
		})
	}
}

// TestLuaRunsCompiledScripts compiles with one luac and runs with the other
// lua: the formats agree where the sizes of C's types do.
func TestLuaRunsCompiledScripts(t *testing.T) {
	t.Parallel()
	lua, luac := port(t, "lua5.4", "lua"), port(t, "lua5.4", "luac")
	source := map[string]string{"script.lua": testdata(t, "lua/language.lua")}
	compiled := luac.runGuest(t, invocation{args: []string{"-o", "out", "script.lua"}, files: source})
	if compiled.status != 0 {
		t.Fatalf("luac: status %d: %s", compiled.status, compiled.stderr)
	}
	_, code, _ := strings.Cut(compiled.files["out"], " ")
	want := lua.runNative(t, invocation{args: []string{"script.lua"}, files: source})
	got := lua.runGuest(t, invocation{args: []string{"out"}, files: map[string]string{"out": code}})
	if got.status != 0 || got.stdout != want.stdout {
		t.Errorf("status %d, output: %s", got.status, difference(want.stdout, got.stdout))
	}
}

// TestLuaFailedCallsKeepMemoryFlat makes a million protected calls that fail,
// each a setjmp and a longjmp.
func TestLuaFailedCallsKeepMemoryFlat(t *testing.T) {
	t.Parallel()
	lua := port(t, "lua5.4", "lua")
	files := map[string]string{"script.lua": testdata(t, "lua/pcalls.lua")}
	few := lua.runGuest(t, invocation{args: []string{"script.lua", "1000"}, files: files})
	many := lua.runGuest(t, invocation{args: []string{"script.lua", "1000000"}, files: files})
	if many.status != 0 || !strings.HasPrefix(many.stdout, "1000000\n") {
		t.Fatalf("status %d, output %q: %s", many.status, many.stdout, many.stderr)
	}
	const most = 4096 // kB: what garbage collection lets a guest's heap vary by
	if grown := many.maxRSS - few.maxRSS; grown > most {
		t.Errorf("a million calls use %d kB more than a thousand, want at most %d", grown, most)
	}
}
