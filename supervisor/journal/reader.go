package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// Reader reads a journal from its oldest line on, while it may be written to. Each line
// comes once and in order. If the writer has removed files that were not read to
// their end, a line of the stream Remark says so in their place.
type Reader struct {
	path   string
	number uint64 // of the file
	file   *os.File
	offset int64  // behind the last line that was taken
	buffer []byte // what comes there, as far as it was read
	used   int    // of it
	last   bool   // nothing is added to the file any more
	gap    string // to be told with the next line
}

// readStep is how much is read at a time. A line has maxText bytes and a few more.
const readStep = 32 << 10

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
		if line, ok := r.take(); ok {
			return line, nil
		}
		more, err := r.fill()
		switch {
		case err != nil:
			return Line{}, err
		case more:
		case r.last:
			// Whatever is left there was never completed.
			if err := r.advance(); err != nil {
				return Line{}, err
			}
		default:
			later, err := r.later()
			if err != nil {
				return Line{}, err
			}
			if len(later) == 0 {
				return Line{}, io.EOF
			}
			// It may have grown before the next one was begun.
			r.last = true
		}
	}
}

// take returns the next complete line of the buffer.
func (r *Reader) take() (Line, bool) {
	for {
		end := bytes.IndexByte(r.buffer[r.used:], '\n')
		if end < 0 {
			return Line{}, false
		}
		line, err := parse(r.buffer[r.used : r.used+end])
		if err == nil && r.gap != "" {
			line = Line{Time: line.Time, Stream: Remark, Text: []byte(r.gap)}
			r.gap = ""
			return line, true
		}
		r.used += end + 1
		r.offset += int64(end) + 1
		if err == nil {
			return line, true
		}
		// Someone else has written to the file: go on behind it.
	}
}

// fill reads what comes after the last complete line; false if there is no further
// one. It takes a line from a single read: one that the writer has to take back, on a full
// disk, must not be joined with the one that follows in its place.
func (r *Reader) fill() (more bool, err error) {
	for size := readStep; ; size *= 2 {
		r.buffer, r.used = slices.Grow(r.buffer[:0], size), 0
		n, err := unix.Pread(int(r.file.Fd()), r.buffer[:size], r.offset)
		switch {
		case err == unix.EINTR:
			size /= 2 // the same again
		case err != nil:
			return false, fmt.Errorf("read log: %w", err)
		case bytes.IndexByte(r.buffer[:n], '\n') >= 0:
			r.buffer = r.buffer[:n]
			return true, nil
		case n < size:
			return false, nil
		}
	}
}

// later returns the numbers of the files after the one that is being read.
func (r *Reader) later() ([]uint64, error) {
	list, err := numbers(r.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // the instance was removed
	}
	if err != nil {
		return nil, fmt.Errorf("read log: %w", err)
	}
	return slices.DeleteFunc(list, func(n uint64) bool { return n <= r.number }), nil
}

// advance goes on to the next file, or returns io.EOF if there is none.
func (r *Reader) advance() error {
	for {
		later, err := r.later()
		if err != nil {
			return err
		}
		if len(later) == 0 {
			return io.EOF
		}
		file, err := os.OpenFile(numbered(r.path, later[0]), os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if errors.Is(err, os.ErrNotExist) {
			continue // removed just now, and so there are others
		}
		if err != nil {
			return fmt.Errorf("read log: %w", err)
		}
		if missing := later[0] - r.number - 1; missing > 0 && r.number > 0 {
			r.gap = fmt.Sprintf("%d files of the log were removed before they could be read; see --log-size and --log-files", missing)
		}
		r.Close()
		r.file, r.number = file, later[0]
		r.offset, r.buffer, r.used, r.last = 0, r.buffer[:0], 0, false
		return nil
	}
}
