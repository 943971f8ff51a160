package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"walisup/wali"
)

// evidence says which calls the tests make.
type evidence struct {
	named      map[string]bool // by a test that names the call
	programs   map[string]bool // by a C test program
	notHostile map[string]bool // left out of the test with hostile arguments
}

// mark is what follows the name of a call that no test names.
func (e evidence) mark(name string) string {
	switch {
	case e.named[name]:
		return ""
	case e.programs[name]:
		return "¹"
	case !e.notHostile[name]:
		return "²"
	}
	return "³"
}

func findTests(root string) (evidence, error) {
	e := evidence{named: map[string]bool{}, programs: map[string]bool{}, notHostile: map[string]bool{}}
	files, err := filepath.Glob(root + "/wali/*_test.go")
	if err != nil {
		return e, err
	}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return e, fmt.Errorf("read tests: %w", err)
		}
		ast.Inspect(file, e.look)
	}
	if len(e.named) == 0 || len(e.notHostile) == 0 {
		return e, errors.New("found no tests; have their helpers got other names?")
	}
	return e, e.findPrograms(root + "/integration")
}

// rowCallers are the test helpers that take the name of a call as their first
// argument.
var rowCallers = map[string]bool{"callRow": true, "must": true}

// look notes what a piece of a test says.
func (e evidence) look(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.CallExpr:
		if sel, ok := n.Fun.(*ast.SelectorExpr); ok && rowCallers[sel.Sel.Name] && len(n.Args) > 0 {
			e.name(n.Args[0])
		}
	case *ast.ValueSpec:
		if len(n.Names) != 1 || len(n.Values) != 1 {
			return true
		}
		switch n.Names[0].Name {
		case "notHostile":
			addKeys(e.notHostile, n.Values[0])
		case "passedCalls":
			addKeys(e.named, n.Values[0])
		}
	}
	return true
}

// addKeys adds the keys of a map literal.
func addKeys(to map[string]bool, x ast.Expr) {
	m, ok := x.(*ast.CompositeLit)
	if !ok {
		return
	}
	for _, element := range m.Elts {
		if pair, ok := element.(*ast.KeyValueExpr); ok {
			if s, ok := literal(pair.Key); ok {
				to[s] = true
			}
		}
	}
}

func (e evidence) name(arg ast.Expr) {
	if s, ok := literal(arg); ok && wali.Lookup(s) != nil {
		e.named[s] = true
	}
}

func literal(x ast.Expr) (string, bool) {
	lit, ok := x.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	s, err := strconv.Unquote(lit.Value)
	return s, err == nil
}

var cCall = regexp.MustCompile(`\b([a-z_][a-z0-9_]*)\(`)

// findPrograms looks for functions that are named like system calls in the C
// sources under dir.
func (e evidence) findPrograms(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".c") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range cCall.FindAllSubmatch(text, -1) {
			if name := string(m[1]); wali.Lookup(name) != nil {
				e.programs[name] = true
			}
		}
		return nil
	})
}
