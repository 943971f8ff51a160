// Package channel is the shared memory between an instance's supervisor and all of
// its processes: the table of processes, the ring of events, the control words.
//
// # Trust
//
// Every helper of the instance can write everywhere in the channel, and a helper
// may have been taken over by its guest. Readers believe nothing: every index and
// length that decides where something is read is checked or masked, every loop is
// bounded, and what does not fit is reported ([Channel.Slots], [Cursor.Next]). A
// lie that fits (a wrong exit status, an event that never was) can only be told by
// what the kernel says, which is package supervisor/proctree's business. The file is
// sealed against a change of its size, so no access to the mapping can fault.
//
// # Death at any instruction
//
// A writer holds nothing that another would wait for. A slot changes hands by one
// compare-and-swap of its owner word, which holds generation, state and pid
// together. A writer that dies before it leaves the slot as it was; after it, the
// slot is complete. What a dead process leaves behind (a claimed slot, an event
// half written) is found by [Channel.Sweep] and by the ring's readers.
//
// # Layout
//
// Version 1, all values in the machine's byte order and naturally aligned. "Who"
// says who may write a field once the channel exists: W walisup's supervisor, S the
// slot's process, C the process that claims the slot, H any helper.
//
//	offset  size  field                                              who
//	0       4     magic "WLSC"
//	4       4     version
//	8       4     number of slots
//	12      4     bytes of a slot
//	16      4     number of events
//	20      4     bytes of an event
//	24      8     bytes of the file
//	32      8     time of creation, ns of CLOCK_REALTIME
//	40      64    name of the instance, padded with 0
//	104     8     device of the helper's executable                  W
//	112     8     inode number of the helper's executable            W
//	120     4     descriptor of the channel in helpers               W
//
//	128     4     trace: bit 0 on, the rest a generation             W
//	132     4     stop: 1 if no new processes are to be made         W
//	136     4     doorbell of helpers, a futex, counts up            W
//	192     4     doorbell of the supervisor, a futex, counts up     H W
//	196     4     number of sleepers at that doorbell                W
//	200     4     slot at which to look for a free one               H W
//	208     8     number of the next event                           H W
//	216     8     processes that found no slot                       H
//	224     8     ended processes whose slot was taken from them     H
//	232     4     slots that were ever used, counted from the first   H W
//	512     512   notes of the supervisor, text padded with 0        W
//	1024    1024  settings of the trace, valid for the trace word    W
//
//	4096          index: u32 for each pid modulo slots, slot + 1     H
//	20480         slots, 512 bytes each
//	2117632       events, 64 bytes each
//	2379776       end
//
// A slot:
//
//	0       8     owner: pid (32 bits), state (8), generation (24)   C S W
//	8       4     parent: the process that made this one             C
//	12      4     sequence of the module, odd while it is written    S
//	16      8     not started before, ns of CLOCK_BOOTTIME           C
//	24      8     started before, ns of CLOCK_BOOTTIME               C S
//	32      8     end: wait status (32 bits), who says so (8), 1 bit C S H W
//	40      8     when it ended, ns of CLOCK_REALTIME                S H W
//	48      4     guest threads                                      S
//	52      4     flags                                              S
//	56      8     forks                                              S
//	64      8     execs                                              S
//	72      8     guest threads started                              S
//	80      4     bytes of the module's path                         S
//	88      4     1 if there was an event for the fork               C S W
//	128     384   path of the module, its end if it is longer        S
//
// An event:
//
//	0       8     sequence: 2*number+1 while it is written, then +2
//	8       8     check sum over number and the rest
//	16      8     time, ns of CLOCK_REALTIME
//	24      4     kind
//	28      4     pid
//	32      4     another pid or thread id
//	36      4     slot of pid, or 2^32-1
//	40      8     value, such as a wait status
//	48      8     generation of the slot
//	56      8     0
//
// # States of a slot
//
//	free ──claim──▶ claimed ──adopt──▶ live ──exit──▶ exiting ──end──▶ ended ──▶ free
//	  ▲                │ fork failed      └────────────end───────────▶   │
//	  └────────────────┘                     (the next claim may take it)┘
//
// The parent claims a slot before it forks. Parent and child both adopt it, and the
// first wins, so neither's death makes the other invisible. A process that ends by
// itself says how before it does; who then sees its true end (its parent's wait, the
// supervisor) says that. The events of both are the parent's to write, or the
// supervisor's if that cannot: every page that a short-lived child touches costs it
// a microsecond.
//
// # Costs
//
// The file is sparse, and a process that only ends touches the page of its slot. No
// writer allocates, takes a lock or sleeps. A futex call is made only while somebody
// sleeps at a doorbell.
package channel
