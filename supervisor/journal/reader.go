package journal

import (
	"bufio"
	"errors"
	"io"
	"os"
)

// Reader reads a journal from its oldest line on, while it may be written to and
// rotated.
type Reader struct {
	path    string
	file    *os.File
	lines   *bufio.Reader
	pending []byte // the beginning of a line that is not complete yet
}

// NewReader returns a reader of the journal at path, which need not exist yet.
func NewReader(path string) *Reader { return &Reader{path: path} }

// Close closes the file that is being read.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	return r.file.Close()
}

// Next returns the next line, whose Text is valid until the next call. At the
// end of what has been written it returns io.EOF; it may be called again later.
func (r *Reader) Next() (Line, error) {
	for {
		if r.file == nil {
			if err := r.advance(); err != nil {
				return Line{}, err
			}
		}
		part, err := r.lines.ReadSlice('\n')
		r.pending = append(r.pending, part...)
		switch {
		case err == nil:
			line, bad := parse(r.pending[:len(r.pending)-1])
			r.pending = r.pending[:0]
			if bad == nil {
				return line, nil
			}
			// Someone else has written to the file: go on behind it.
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			if err := r.advance(); err != nil {
				return Line{}, err
			}
		default:
			return Line{}, err
		}
	}
}

// advance goes on to the file after the one that has been read to its end, or
// returns io.EOF if that is the newest.
func (r *Reader) advance() error {
	var next int // number of the file to open
	oldest := r.oldest()
	if r.file == nil {
		next = oldest
	} else {
		n, ok := r.number()
		switch {
		case ok && n == 0:
			return io.EOF
		case ok:
			// It may have grown between its end and its rotation.
			if more, err := r.lines.Peek(1); err == nil && len(more) > 0 {
				return nil
			}
			next = n - 1
		default:
			next = oldest // removed while we read it
		}
	}
	if next < 0 {
		return io.EOF
	}
	file, err := os.Open(numbered(r.path, next))
	if errors.Is(err, os.ErrNotExist) {
		return io.EOF
	}
	if err != nil {
		return err
	}
	r.Close()
	r.file, r.lines, r.pending = file, bufio.NewReaderSize(file, 32<<10), r.pending[:0]
	return nil
}

// number finds out which number the file that is being read has by now.
func (r *Reader) number() (n int, ok bool) {
	current, err := r.file.Stat()
	if err != nil {
		return 0, false
	}
	for n := 0; ; n++ {
		st, err := os.Stat(numbered(r.path, n))
		if err != nil && n > 0 {
			return 0, false
		}
		if err == nil && os.SameFile(st, current) {
			return n, true
		}
	}
}

// oldest returns the number of the oldest file, -1 if there is none.
func (r *Reader) oldest() int {
	n := -1
	for {
		if _, err := os.Stat(numbered(r.path, n+1)); err != nil {
			// Between two steps of a rotation the newest may be missing.
			if n >= 0 || !exists(numbered(r.path, 1)) {
				return n
			}
		}
		n++
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
