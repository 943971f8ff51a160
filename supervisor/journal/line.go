package journal

import (
	"bytes"
	"errors"
	"time"
)

// Stream says where a line comes from.
type Stream string

// The streams of a journal.
const (
	Stdout Stream = "stdout"
	Stderr Stream = "stderr"
	Remark Stream = "walisup" // about the journal itself
)

// Line is one line of a journal.
type Line struct {
	Time    time.Time
	Stream  Stream
	Partial bool // the text goes on in the next line of the stream
	Text    []byte
}

// maxText is the longest text of one line.
const maxText = 16 << 10

const timeFormat = "2006-01-02T15:04:05.000000000Z"

// append appends the line as it stands in a file.
func (l *Line) append(b []byte) []byte {
	b = l.Time.UTC().AppendFormat(b, timeFormat)
	b = append(b, ' ')
	b = append(b, l.Stream...)
	if l.Partial {
		b = append(b, " P "...)
	} else {
		b = append(b, " F "...)
	}
	b = append(b, l.Text...)
	return append(b, '\n')
}

var errLine = errors.New("not a line of a journal")

// parse takes a line without its line feed apart. Text aliases b.
func parse(b []byte) (Line, error) {
	stamp, rest, ok1 := bytes.Cut(b, []byte{' '})
	stream, rest, ok2 := bytes.Cut(rest, []byte{' '})
	tag, text, ok3 := bytes.Cut(rest, []byte{' '})
	if !ok1 || !ok2 || !ok3 || len(tag) != 1 || tag[0] != 'F' && tag[0] != 'P' {
		return Line{}, errLine
	}
	t, err := time.Parse(timeFormat, string(stamp))
	if err != nil {
		return Line{}, errLine
	}
	return Line{Time: t, Stream: Stream(stream), Partial: tag[0] == 'P', Text: text}, nil
}
