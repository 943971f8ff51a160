// Command walisup runs WebAssembly programs that speak WALI, the WebAssembly
// Linux Interface, as Linux processes.
//
// Each subcommand has its own file. The flags of start and the global ones can also be set
// through environment variables: --keep-debug is WALISUP_KEEP_DEBUG; the command line
// wins.
package main
