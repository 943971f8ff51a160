package ipc

import (
	"errors"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBootFileIsReadBack(t *testing.T) {
	t.Parallel()
	want := fullBoot()
	fd, err := WriteBoot(&want)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	got, err := ReadBoot(fd)
	if err != nil {
		t.Fatal(err)
	}
	if *got != want {
		t.Errorf("got %+v, want %+v", *got, want)
	}
	if _, err := ReadBoot(fd); !errors.Is(err, ErrBoot) {
		t.Errorf("reading a record again: %v, want ErrBoot", err)
	}
}

func TestReadBootRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	record, err := new(Boot).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	t.Run("ordinary file", func(t *testing.T) {
		t.Parallel()
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := file.WriteAt(record, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBoot(int(file.Fd())); !errors.Is(err, ErrBoot) {
			t.Errorf("got %v, want ErrBoot", err)
		}
	})
	t.Run("pipe that is still written to", func(t *testing.T) {
		t.Parallel()
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(ends[0])
		defer unix.Close(ends[1])
		if _, err := unix.Write(ends[1], record); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadBoot(ends[0]); !errors.Is(err, unix.EAGAIN) {
			t.Errorf("got %v, want EAGAIN", err)
		}
	})
	t.Run("too much", func(t *testing.T) {
		t.Parallel()
		var ends [2]int
		if err := unix.Pipe2(ends[:], unix.O_CLOEXEC|unix.O_NONBLOCK); err != nil {
			t.Fatal(err)
		}
		defer unix.Close(ends[0])
		if _, err := unix.Write(ends[1], make([]byte, MaxBoot+2)); err != nil {
			t.Fatal(err)
		}
		unix.Close(ends[1])
		if _, err := ReadBoot(ends[0]); !errors.Is(err, ErrBoot) {
			t.Errorf("got %v, want ErrBoot", err)
		}
	})
	t.Run("closed descriptor", func(t *testing.T) {
		t.Parallel()
		if _, err := ReadBoot(-1); !errors.Is(err, unix.EBADF) {
			t.Errorf("got %v, want EBADF", err)
		}
	})
}
