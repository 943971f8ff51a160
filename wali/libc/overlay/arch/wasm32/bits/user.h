/* A module has no registers that anyone could look at. */
typedef struct { unsigned long __space[32]; } elf_fpregset_t;
#define ELF_NGREG 32
typedef unsigned long elf_greg_t, elf_gregset_t[ELF_NGREG];

struct user {
	elf_gregset_t regs;
};
