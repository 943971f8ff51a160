// Command walisup runs WebAssembly programs that speak WALI, the WebAssembly
// Linux Interface, as Linux processes.
//
// Each subcommand has its own file. Every flag can also be given through an
// environment variable: --keep-debug is WALISUP_KEEP_DEBUG; what stands on the
// command line wins.
package main
