/* Nothing: libc.h turns __setxid into the one call, since the engine changes the ids of
 * every thread of the process. */
typedef int empty;
