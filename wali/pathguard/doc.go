// Package pathguard opens files for a guest without letting it reach, through a file, the
// helper that runs it: the memory of a process as procfs shows it, the helper's private
// descriptors and its executable, and the devices that show all of the machine's memory.
//
// # Trust
//
// The guest is hostile. It chooses paths, links, directory descriptors and mounts, and its
// other threads change them while a call is at work. The kernel is trusted, and so is the
// Caller: it makes system calls and hands out memory that no guest writes to. Nothing here
// reads guest memory; a path is looked at and used in the helper's own copy, or handed to
// the kernel as it is and what came of it is judged.
//
// What the guard keeps from a guest is what its own process could be taken over with. What
// the user may not do is the kernel's to say, which is asked each time: no file is opened
// with more rights than the guest has asked for.
//
// # How
//
// A name can be spelled in endless ways (symbolic links, bind mounts, directory
// descriptors, /proc/self/fd of a descriptor), so it is not the name that is judged but the
// descriptor that came of it, before the guest learns its number. One statx tells ordinary
// files from those that need a closer look: see Judge.
//
// Links that lead to an open file or a directory by themselves, not by a text (procfs has
// them: fd/N, exe, map_files), are not followed by the kernel on its own: see Walk.
//
// A descriptor that the kernel has just installed can be used, closed and replaced by
// whoever shares the descriptor table: another guest thread, or a process made with
// CLONE_FILES. There the guard never lets a usable descriptor of a file come into being
// that it has not judged, and it judges only what nobody else can replace: descriptors in
// slots, whose numbers no call of a guest takes. See Secure.
//
// Where /proc is missing or false, what cannot be told is refused.
//
// # When
//
// A Thread belongs to the kernel thread that uses it. Its methods do not allocate on the Go
// heap, and take a lock only where they say so; none of them is for raw signal handlers.
package pathguard
