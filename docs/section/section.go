// Package section replaces the generated parts of documents. Such a part stands
// between two marker lines, which say how it is made:
//
//	<!-- NAME: begin (COMMAND) -->
//	...
//	<!-- NAME: end -->
package section

import (
	"fmt"
	"os"
	"regexp"
)

// Replace returns document with text in place of its part name. The text ends
// with a newline. The error says that there is no such part.
func Replace(document, name, text string) (string, error) {
	quoted := regexp.QuoteMeta(name)
	part := regexp.MustCompile(`(?ms)^(<!-- ` + quoted + `: begin \([^)\n]*\) -->\n).*^(<!-- ` + quoted + `: end -->$)`)
	at := part.FindStringSubmatchIndex(document)
	if at == nil {
		return "", fmt.Errorf("no part between <!-- %s: begin (...) --> and <!-- %s: end -->", name, name)
	}
	return document[:at[3]] + text + document[at[4]:], nil
}

// ReplaceIn is Replace for the document in a file. It writes the file only if
// that changes it.
func ReplaceIn(path, name, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	document, err := Replace(string(old), name, text)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if document == string(old) {
		return nil
	}
	return os.WriteFile(path, []byte(document), 0o644)
}
