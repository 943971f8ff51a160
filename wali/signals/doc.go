// Package signals decides what a caught signal does to the guest. It owns the guest's
// actions, masks, alternate signal stacks, and the signals that are held back for it.
//
// # Division of work
//
// The kernel has the thread's mask and the process's dispositions, and makes signals
// pending, as for any process. Three things it does not do:
//
//   - It does not run the guest's handlers: the raw handler (package interrupt) records the
//     signal, and Thread runs the handler as soon as the guest can be called.
//   - It does not block Unblockable: Thread holds these back where the guest blocks them.
//   - It does not have the guest's actions, whose handlers are indexes of a table, nor its
//     alternate stack: Table and AltStack have them.
//
// # States of a thread
//
// From the moment at which the raw handler has caught a signal until Helper.Take, the
// signal is pending in the helper (Gate.Pending is set) and all other signals are blocked
// in the kernel. Masks that the guest sets meanwhile are those to go back to
// (Helper.SetPendingMask). Otherwise the guest's mask, without Unblockable, is the kernel's.
//
// All methods of Thread run in the thread that it describes, in a host function
// (Gate.InHost is set). Only Table has locks, and no lock is held while a handler runs.
package signals
