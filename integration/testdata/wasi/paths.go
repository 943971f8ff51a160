// Paths tries as a WASI module to get out of its directory, /box, in which it may do as it
// likes. It prints what it got.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

func show(what string, err error) {
	var e syscall.Errno
	switch {
	case err == nil:
		fmt.Println(what, "ok")
	case errors.As(err, &e):
		fmt.Println(what, e)
	default:
		fmt.Println(what, err)
	}
}

func main() {
	_, err := os.ReadFile("/box/../secret")
	show("a parent in the middle", err)
	_, err = os.ReadFile("/secret")
	show("outside", err)
	_, err = os.ReadFile("/box/link")
	show("through a link to a file outside", err)
	_, err = os.ReadFile("/box/up/secret")
	show("through a link to the parent", err)
	_, err = os.ReadFile("/box/absolute")
	show("through an absolute link", err)
	_, err = os.Stat("/box/link")
	show("stat through a link", err)
	_, err = os.Lstat("/box/link")
	show("lstat of a link", err)
	target, err := os.Readlink("/box/link")
	show("readlink "+target, err)
	show("write through a link", os.WriteFile("/box/link", []byte("x"), 0o666))
	show("mkdir outside", os.Mkdir("/box/up/new", 0o777))
	show("remove outside", os.Remove("/box/up/secret"))
	show("rename from outside", os.Rename("/box/up/secret", "/box/stolen"))
	show("rename to outside", os.Rename("/box/file", "/box/up/file"))
	show("link from outside", os.Link("/box/up/secret", "/box/stolen"))
	show("times outside", os.Chtimes("/box/link", time.Unix(1, 0), time.Unix(1, 0)))
	show("absolute symlink", os.Symlink("/secret", "/box/mine"))
	show("truncate outside", os.Truncate("/box/link", 0))

	// What is inside works.
	show("mkdir", os.MkdirAll("/box/a/b", 0o777))
	show("write", os.WriteFile("/box/a/b/f", []byte("hello"), 0o666))
	show("symlink", os.Symlink("b/f", "/box/a/l"))
	b, err := os.ReadFile("/box/a/l")
	show("read "+string(b), err)
	show("hard link", os.Link("/box/a/b/f", "/box/a/h"))
	show("rename", os.Rename("/box/a/h", "/box/a/i"))
	show("times", os.Chtimes("/box/a/i", time.Unix(2, 500), time.Unix(3, 700)))
	st, err := os.Stat("/box/a/i")
	show(fmt.Sprint("stat ", st.Size(), " ", st.ModTime().UnixNano(), " ", st.Mode().IsRegular()), err)
	show("truncate", os.Truncate("/box/a/i", 2))
	entries, err := os.ReadDir("/box/a")
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name()+" "+e.Type().String())
	}
	slices.Sort(names)
	show("readdir "+strings.Join(names, ", "), err)
	f, err := os.OpenFile("/box/a/i", os.O_WRONLY|os.O_APPEND, 0)
	show("append", err)
	fmt.Fprint(f, "++")
	show("close", f.Close())
	show("read a file that is closed", func() error { _, err := f.Write([]byte("x")); return err }())
	b, err = os.ReadFile("/box/a/b/f")
	show("read "+string(b), err)
	show("remove a directory that is not empty", os.Remove("/box/a"))
	show("exclusive", func() error { _, err := os.OpenFile("/box/file", os.O_CREATE|os.O_EXCL, 0o666); return err }())
	show("remove all", os.RemoveAll("/box/a"))
	_, err = os.Stat("/box/a")
	fmt.Println("gone", errors.Is(err, fs.ErrNotExist))

	// Many names, so that they do not come all at once.
	os.Mkdir("/box/many", 0o777)
	for i := range 1000 {
		os.WriteFile(fmt.Sprintf("/box/many/a-name-that-is-long-enough-%04d", i), nil, 0o666)
	}
	entries, err = os.ReadDir("/box/many")
	show(fmt.Sprint("many ", len(entries)), err)
	show("remove many", os.RemoveAll("/box/many"))
	start := time.Now()
	time.Sleep(20 * time.Millisecond)
	fmt.Println("slept", time.Since(start) >= 20*time.Millisecond)
	fmt.Println(os.Args[1:], os.Getenv("MARK"))
	os.Exit(3)
}
