// Package testguest makes a test program a helper: a process that package supervisor can
// start, with a boot record and private descriptors, and that does what a test says
// instead of running a module. So starting, stopping and watching guests can be tested
// without a compiler for modules.
package testguest

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"walisup/ipc"
)

// variable is in the environment of such a helper. Its value is the first descriptor of the
// private range.
const variable = "WALISUP_TEST_GUEST"

// Main is to be called first by TestMain. In a helper it does not return.
func Main() {
	first, err := strconv.Atoi(os.Getenv(variable))
	if err != nil {
		return
	}
	if err := run(first, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "walisup:", err)
		os.Exit(125)
	}
	os.Exit(0)
}

// NoFile is the limit of open files, soft and hard, that such a helper is to start under.
func NoFile() [2]uint64 { return [2]uint64{1024, 4096} }

// Env is the environment of a guest that such a helper runs.
func Env() []string {
	return []string{variable + "=" + strconv.Itoa(ipc.FirstReserved(ipc.DefaultFiles, NoFile()[1])), "PATH=" + os.Getenv("PATH")}
}

// Program returns the path of the test program, for the helper, and that of a file that
// stands for a module.
func Program(tb testing.TB) (helper, module string) {
	tb.Helper()
	helper, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	module = tb.TempDir() + "/guest.wasm"
	if err := os.WriteFile(module, []byte("\x00asm\x01\x00\x00\x00"), 0o600); err != nil {
		tb.Fatal(err)
	}
	return helper, module
}

// run does what the arguments say, one after the other:
//
//	ready        the guest runs
//	say:TEXT     write a line to standard output
//	boot         write what the boot record has to standard output
//	echo         copy one line from standard input to standard output
//	child        make a child that sleeps for long
//	stop         stop itself by SIGSTOP
//	trap:SIGNAL  catch a signal, by number, from now on
//	await        wait for that
//	sleep        wait for ever
//	die:SIGNAL   end by a signal, by number
//	exit:STATUS  end
func run(first int, orders []string) error {
	runtime.LockOSThread()
	boot, err := ipc.ReadBoot(first + ipc.BootOffset)
	if err != nil {
		return err
	}
	var mask unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &mask, nil); err != nil {
		return err
	}
	caught := make(chan os.Signal, 1)
	for _, order := range orders {
		verb, argument, _ := strings.Cut(order, ":")
		number, _ := strconv.Atoi(argument)
		switch verb {
		case "ready":
			if boot.Ready {
				if _, err := unix.Write(first+ipc.ReadyOffset, []byte{1}); err != nil {
					return err
				}
				unix.Close(first + ipc.ReadyOffset)
			}
		case "say":
			fmt.Println(argument)
		case "boot":
			fmt.Printf("module %s cache %q ready %v channel %v files %d\n", boot.Module, boot.CacheDir, boot.Ready, boot.Channel, boot.NoFile)
		case "echo":
			line, err := bufio.NewReader(os.Stdin).ReadString('\n')
			if err != nil {
				return err
			}
			fmt.Print("echo ", line)
		case "child":
			if err := exec.Command("sleep", "1000").Start(); err != nil {
				return err
			}
		case "stop":
			unix.Kill(os.Getpid(), unix.SIGSTOP)
		case "trap":
			signal.Notify(caught, unix.Signal(number))
		case "await":
			fmt.Println("caught", <-caught)
		case "sleep":
			pause()
		case "die":
			unix.Kill(os.Getpid(), unix.Signal(number))
			pause()
		case "exit":
			os.Exit(number)
		default:
			return fmt.Errorf("no order %q", order)
		}
	}
	return nil
}

// pause waits for ever. The runtime would take a goroutine that does so for a deadlock.
func pause() {
	for {
		unix.Pause()
	}
}
