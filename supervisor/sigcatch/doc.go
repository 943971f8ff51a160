// Package sigcatch catches signals together with who sent them.
//
// Package os/signal drops the siginfo_t, and a signalfd needs every thread to
// block the signals, which Go's runtime never does for SIGHUP, SIGINT, SIGQUIT,
// SIGABRT and SIGTERM (runtime/signal_unix.go, blockableSig). So this package
// replaces the runtime's handlers by its own for as long as it is asked to. That
// handler is a few instructions of assembly which write the siginfo_t to a pipe:
// it runs on whatever thread the kernel picks, on that thread's alternate stack,
// and touches nothing of the runtime's.
package sigcatch
