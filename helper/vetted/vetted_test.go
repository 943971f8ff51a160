package vetted

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestCheck(t *testing.T) {
	if err := check(Go); err != nil {
		t.Error(err)
	}
	for _, other := range []string{"go1.26", "go1.26.9", "go1.27.0", "devel go1.27-abcdef", Go + " X:synctest", ""} {
		if err := check(other); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// The release is the one that go.mod names.
func TestToolchainLine(t *testing.T) {
	mod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(mod), "\ntoolchain "+Go+"\n") {
		t.Errorf("go.mod has no line \"toolchain %s\"", Go)
	}
}

// Each declaration reads as it did when somebody last looked at it.
func TestPrivateThings(t *testing.T) {
	if runtime.Version() != Go {
		t.Skipf("this is %s, and %s has been vetted", runtime.Version(), Go)
	}
	command := func(args ...string) string {
		out, err := exec.Command("go", args...).Output()
		if err != nil {
			t.Fatalf("go %v: %v", args, err)
		}
		return strings.TrimSpace(string(out))
	}
	roots := map[string]string{
		"go":         filepath.Join(command("env", "GOROOT"), "src"),
		engineModule: command("list", "-m", "-f", "{{.Dir}}", engineModule),
	}
	for _, p := range List {
		text, err := declaration(filepath.Join(roots[p.Module], p.File), p.Name)
		if err != nil {
			t.Errorf("%s: %s: %v; it matters to %s", p.File, p.Name, err, p.Why)
			continue
		}
		sum := sha256.Sum256([]byte(text))
		if got := hex.EncodeToString(sum[:6]); got != p.Sum {
			t.Errorf("%s: %s has changed: sum %s, want %q; it matters to %s", p.File, p.Name, got, p.Sum, p.Why)
		}
	}
}

// declaration returns the text of what declares a name.
func declaration(file, name string) (string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(file, ".s") {
		_, text, ok := strings.Cut("\n"+string(content), "\nTEXT "+name+"(SB)")
		if !ok {
			return "", fmt.Errorf("not there")
		}
		text, _, _ = strings.Cut(text, "\nTEXT ")
		return text, nil
	}
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, content, 0)
	if err != nil {
		return "", err
	}
	text := func(n ast.Node) string {
		return string(content[files.Position(n.Pos()).Offset:files.Position(n.End()).Offset])
	}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.Name == name {
				return text(d), nil
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch s := spec.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == name {
						return text(s), nil
					}
				case *ast.ValueSpec:
					for _, n := range s.Names {
						if n.Name == name { // with all of its group: constants may depend on those before them
							return text(d), nil
						}
					}
				}
			}
		}
	}
	return "", fmt.Errorf("not there")
}
