package ipc

import (
	"errors"
	"os"
	"reflect"
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
	for range 2 { // reading moves no offset: a second reader sees the same
		got, err := ReadBoot(fd)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(*got, want) {
			t.Errorf("got %+v, want %+v", *got, want)
		}
	}
	if _, err := unix.Pwrite(fd, []byte{1}, 0); err != unix.EPERM {
		t.Errorf("writing to a finished record: %v, want EPERM", err)
	}
}

// TestBootRecordWithoutAFile has the limit of file sizes forbid one.
func TestBootRecordWithoutAFile(t *testing.T) {
	want := fullBoot()
	data, err := want.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	fd, err := sendBoot(data)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if got, err := ReadBoot(fd); err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := ReadBoot(fd); err == nil {
		t.Error("there is a second record")
	}
	if err := unix.Send(fd, data, unix.MSG_NOSIGNAL); err == nil {
		t.Error("the socket has another end")
	}
}

func TestReadBootRefusesOtherFiles(t *testing.T) {
	t.Parallel()
	t.Run("ordinary file", func(t *testing.T) {
		t.Parallel()
		file, err := os.CreateTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := ReadBoot(int(file.Fd())); err == nil {
			t.Error("accepted")
		}
	})
	t.Run("unsealed memory", func(t *testing.T) {
		t.Parallel()
		fd, err := createMemfd("test")
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		if _, err := ReadBoot(fd); !errors.Is(err, ErrBoot) {
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
