#include <features.h>

/* 24 bytes without padding between: the flags are at 4, the mask at 16. */
struct k_sigaction {
	void (*handler)(int);
	unsigned long flags;
	void (*restorer)(void);
	unsigned mask[2];
} __attribute__((__packed__));

hidden void __restore(), __restore_rt();
