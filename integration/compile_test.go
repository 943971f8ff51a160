package integration

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// compilers guards the cache of compiled programs: tests run at the same time
// and may want the same program.
var compilers sync.Map // output path to *sync.Mutex

// buildC compiles a C file with cc and with walicc, unless an earlier run has
// compiled the same text with the same compilers.
func buildC(tb testing.TB, source string, flags ...string) pair {
	tb.Helper()
	needWalisup(tb)
	walicc := filepath.Join(root, "bin", "walicc")
	need(tb, walicc, "run make build")
	need(tb, filepath.Join(root, ".cache", "sysroot", "stamp"), "run make sysroot")
	name := strings.TrimSuffix(filepath.Base(source), ".c")
	return pair{
		name:   name,
		native: compileC(tb, nativeCompiler(tb), source, "", flags),
		module: compileC(tb, walicc, source, ".wasm", flags),
	}
}

func nativeCompiler(tb testing.TB) string {
	tb.Helper()
	cc, err := exec.LookPath("cc")
	if err != nil {
		need(tb, "/usr/bin/cc", "run integration/ports/deps.sh")
		return "/usr/bin/cc"
	}
	return cc
}

// compileC returns the path of the compiled program.
func compileC(tb testing.TB, compiler, source, suffix string, flags []string) string {
	tb.Helper()
	out := compileOnce(tb, compiler, source, suffix, flags)
	if suffix == ".wasm" {
		nativeCode(tb, out)
	}
	return out
}

func compileOnce(tb testing.TB, compiler, source, suffix string, flags []string) string {
	tb.Helper()
	text, err := os.ReadFile(source)
	if err != nil {
		tb.Fatal(err)
	}
	flags = append([]string{"-O2"}, flags...)
	id := sha256.New()
	fmt.Fprintf(id, "%s %q\n%s\n%s\n", compiler, flags, text, compilerIdentity(tb, compiler))
	for _, header := range headers(tb, source) {
		id.Write(header)
	}
	name := strings.TrimSuffix(filepath.Base(source), ".c")
	out := filepath.Join(testCache(), "c", name+"-"+hex.EncodeToString(id.Sum(nil)[:8])+suffix)

	guard, _ := compilers.LoadOrStore(out, new(sync.Mutex))
	guard.(*sync.Mutex).Lock()
	defer guard.(*sync.Mutex).Unlock()
	if _, err := os.Stat(out); err == nil {
		return out
	}
	if err := os.MkdirAll(filepath.Dir(out), 0o755); err != nil {
		tb.Fatal(err)
	}
	temporary := out + ".new"
	// Libraries stand after the source that needs them.
	args := append([]string{"-o", temporary, source}, flags...)
	if output, err := exec.Command(compiler, args...).CombinedOutput(); err != nil {
		tb.Fatalf("%s %s: %v\n%s", filepath.Base(compiler), strings.Join(args, " "), err, output)
	}
	if err := os.Rename(temporary, out); err != nil {
		tb.Fatal(err)
	}
	return out
}

// headers returns the texts of the headers beside a source.
func headers(tb testing.TB, source string) [][]byte {
	tb.Helper()
	paths, err := filepath.Glob(filepath.Join(filepath.Dir(source), "*.h"))
	if err != nil {
		tb.Fatal(err)
	}
	var texts [][]byte
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		texts = append(texts, text)
	}
	return texts
}

var identities sync.Map // compiler path to func() string

// compilerIdentity changes whenever the compiler's output may.
func compilerIdentity(tb testing.TB, compiler string) string {
	tb.Helper()
	identity, _ := identities.LoadOrStore(compiler, sync.OnceValues(func() (string, error) {
		binary, err := os.ReadFile(compiler)
		if err != nil {
			return "", err
		}
		sum := sha256.Sum256(binary)
		sysroot, err := os.ReadFile(filepath.Join(root, ".cache", "sysroot", "stamp"))
		if err != nil && !os.IsNotExist(err) {
			return "", err
		}
		return hex.EncodeToString(sum[:]) + string(sysroot), nil
	}))
	text, err := identity.(func() (string, error))()
	if err != nil {
		tb.Fatal(err)
	}
	return text
}
