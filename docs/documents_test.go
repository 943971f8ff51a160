// Package docs has no code: its test reads all documents of the project and checks what
// they name. cmd/walisup checks the command lines in them, and integration runs README.md's
// quick start.
package docs

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const root = ".."

// tree is what the project consists of: its files without what is built or fetched.
type tree struct {
	files    map[string]bool // by path from the root; directories, too
	packages map[string]bool // directories with Go files that are not tests
	tests    map[string]bool // names of tests and fuzz tests, also as package.name
}

var testFunction = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

func readTree(t *testing.T) tree {
	t.Helper()
	p := tree{map[string]bool{}, map[string]bool{}, map[string]bool{}}
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err = filepath.Rel(root, name)
		if err != nil {
			return err
		}
		if entry.IsDir() && slices.Contains([]string{".git", ".cache", "bin", "man"}, name) {
			return filepath.SkipDir
		}
		p.files[name] = true
		dir := path.Dir(name)
		switch {
		case strings.HasSuffix(name, "_test.go"):
			for _, match := range testFunction.FindAllStringSubmatch(read(t, name), -1) {
				p.tests[match[1]] = true
				p.tests[path.Base(dir)+"."+match[1]] = true
			}
		case strings.HasSuffix(name, ".go") && !strings.Contains(dir, "testdata"):
			p.packages[dir] = true
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// results is about the test suites of other projects, and names what is in these.
const results = "integration/ports/SUITES.md"

// documents returns the text of each document by its path from the root.
func (p tree) documents(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for name := range p.files {
		if strings.HasSuffix(name, ".md") {
			texts[name] = read(t, name)
		}
	}
	if len(texts) < 10 {
		t.Fatalf("found only %d documents", len(texts))
	}
	return texts
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	span    = regexp.MustCompile("`[^`\n]+`")
	noWord  = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchors returns the names that a reader on the web gives to a document's headings.
func anchors(document string) map[string]bool {
	names := map[string]bool{}
	for _, match := range heading.FindAllStringSubmatch(document, -1) {
		name := noWord.ReplaceAllString(strings.ToLower(match[1]), "")
		names[strings.ReplaceAll(name, " ", "-")] = true
	}
	return names
}

func TestLinks(t *testing.T) {
	t.Parallel()
	p := readTree(t)
	texts := p.documents(t)
	checked := 0
	for name, text := range texts {
		for _, match := range link.FindAllStringSubmatch(span.ReplaceAllString(text, ""), -1) {
			to, err := url.Parse(match[1])
			if err != nil || to.Scheme != "" {
				continue
			}
			checked++
			target := name
			if to.Path != "" {
				target = path.Join(path.Dir(name), to.Path)
			}
			if !p.files[target] {
				t.Errorf("%s: %s does not exist", name, match[1])
			} else if to.Fragment != "" && !anchors(texts[target])[to.Fragment] {
				t.Errorf("%s: %s: there is no such heading", name, match[1])
			}
		}
	}
	if checked < 20 {
		t.Errorf("found only %d links", checked)
	}
}

// A path in a document or comment begins with one of the project's directories. What
// stands before it must not make it a part of another path, or a header of C's: <wali/layer.h>.
var pathName = regexp.MustCompile(
	`(?:^|[^\w/.$~}*<-])((?:cmd|docs|helper|integration|ipc|supervisor|wali)/[\w./*-]*[\w*])`)

// missing returns the paths in a text that name nothing.
func (p tree) missing(text string) []string {
	var names []string
	for _, match := range pathName.FindAllStringSubmatch(text, -1) {
		name := strings.TrimSuffix(strings.TrimSuffix(match[1], "/..."), "/")
		if p.files[name] || name == "cmd/internal/buildid" { // the latter is Go's
			continue
		}
		// The name of something in a package: ipc/channel.Open.
		if dot := strings.LastIndex(name, "."); dot > 0 && p.packages[name[:dot]] {
			continue
		}
		if strings.Contains(name, "*") {
			if matches, err := filepath.Glob(filepath.Join(root, name)); err == nil && len(matches) > 0 {
				continue
			}
		}
		names = append(names, name)
	}
	return names
}

func TestPathsInDocuments(t *testing.T) {
	t.Parallel()
	p := readTree(t)
	for name, text := range p.documents(t) {
		if name == results {
			continue
		}
		for _, path := range p.missing(text) {
			t.Errorf("%s names %s, which does not exist", name, path)
		}
	}
}

var comment = map[string]*regexp.Regexp{
	".go": regexp.MustCompile(`(?m)(?:^|\s)//.*$`),
	".s":  regexp.MustCompile(`(?m)(?:^|\s)//.*$`),
	".sh": regexp.MustCompile(`(?m)(?:^|\s)#.*$`),
	"":    regexp.MustCompile(`(?m)(?:^|\s)#.*$`), // Makefile
}

func TestPathsInComments(t *testing.T) {
	t.Parallel()
	p := readTree(t)
	for name := range p.files {
		pattern := comment[path.Ext(name)]
		if pattern == nil || path.Ext(name) == "" && path.Base(name) != "Makefile" || strings.Contains(name, "testdata/") {
			continue
		}
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		for _, path := range p.missing(strings.Join(pattern.FindAllString(read(t, name), -1), "\n")) {
			t.Errorf("%s: a comment names %s, which does not exist", name, path)
		}
	}
}

// TestPackageTable compares architecture.md's table with the packages that there are.
func TestPackageTable(t *testing.T) {
	t.Parallel()
	p := readTree(t)
	_, table, _ := strings.Cut(read(t, "docs/architecture.md"), "## Packages")
	table, _, _ = strings.Cut(table, "\n## ")
	named := map[string]bool{}
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "| `") {
			continue
		}
		before := ""
		for _, code := range span.FindAllString(strings.Split(line, "|")[1], -1) {
			name := strings.Trim(code, "`")
			if !strings.Contains(name, "/") && before != "" { // the neighbour of the one before it
				name = path.Join(path.Dir(before), name)
			}
			before = name
			named[name] = true
			if !p.files[name] {
				t.Errorf("the table names %s, which does not exist", name)
			}
		}
	}
	for name := range p.packages {
		if !named[name] && !strings.HasPrefix(name, "integration") && !strings.Contains(name, "internal/") {
			t.Errorf("the table lacks package %s", name)
		}
	}
}

var testName = regexp.MustCompile(`\b(?:[a-z]+\.)?(?:Test|Fuzz)[A-Z]\w+`)

// TestTestsInDocuments looks for the tests that documents give as evidence.
func TestTestsInDocuments(t *testing.T) {
	t.Parallel()
	p := readTree(t)
	checked := 0
	for name, text := range p.documents(t) {
		if name == results {
			continue
		}
		for _, test := range testName.FindAllString(text, -1) {
			checked++
			if !p.tests[test] {
				t.Errorf("%s names %s, which does not exist", name, test)
			}
		}
	}
	if checked < 20 {
		t.Errorf("found only %d names of tests", checked)
	}
}

var (
	target     = regexp.MustCompile(`(?m)^([a-z][\w.%-]*(?: [\w.%-]+)*):(?:[^=]|$)`)
	makeTarget = regexp.MustCompile("(?m)(?:`|^ {4}|&& )make ([a-z][\\w.-]*)")
)

func TestMakeTargets(t *testing.T) {
	t.Parallel()
	makefile := read(t, "Makefile")
	var targets []string
	for _, match := range target.FindAllStringSubmatch(makefile, -1) {
		targets = append(targets, strings.Fields(match[1])...)
	}
	checked := 0
	for name, text := range readTree(t).documents(t) {
		for _, match := range makeTarget.FindAllStringSubmatch(text, -1) {
			checked++
			if !slices.ContainsFunc(targets, func(target string) bool {
				stem, pattern := strings.CutSuffix(target, "%")
				return target == match[1] || pattern && strings.HasPrefix(match[1], stem)
			}) {
				t.Errorf("%s names make %s, which the Makefile does not know", name, match[1])
			}
		}
	}
	if checked < 20 {
		t.Errorf("found only %d targets", checked)
	}
}
