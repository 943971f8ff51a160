/* Nothing: setjmp.c has all of the family. */
typedef int empty;
