// Package instance keeps what walisup knows of its instances: a directory for each
// in the state directory, which every command reads and changes.
//
//	STATE/                  mode 0700
//	  ID/                   mode 0700, 32 hexadecimal digits
//	    record.json         Record; replaced as a whole
//	    stdout, stderr      FIFOs that a detached guest writes to
//	    log, log.000001 ... what it wrote, see package journal
//	    terminal            socket of "attach", with start -t
//	  names/
//	    NAME -> ../ID
//
// # Consistency
//
// Several commands may use one instance at the same time. A record is written
// beside the old one and renamed over it, so it can be read without a lock.
// Whoever changes one ([Instance.Update]) or removes the directory holds an flock
// on the directory; the kernel gives it back when its holder dies.
//
// A record says what was true when it was written. What is true now follows
// from it and from the processes that it names: those are compared by their
// start time as well as by their number, and the machine's boot id tells whether
// the record is older than the machine's last start. See [Instance.Condition].
//
// # Full disk
//
// Records have spare room. If there is no space for a new file, a record is
// overwritten in its place, which needs none.
//
// # Trust
//
// Everything in the state directory was written by its owner: [Open] refuses a directory
// that belongs to someone else or that others can write to. Guests may be able to
// write to it nevertheless, if they run as the owner without isolation. They can then
// do to the owner's instances whatever the owner could do, which is true of the
// owner's other processes too.
package instance
