// Package terminal is the terminal of a detached guest and the connections to it.
//
// The monitor has the master side of a pseudoterminal and a socket (SOCK_SEQPACKET) in
// the directory of the instance. Whoever connects to that types into the terminal and sees
// what the guest writes. There may be several at once. A client that does not read is
// dropped: the guest waits for nobody.
package terminal
