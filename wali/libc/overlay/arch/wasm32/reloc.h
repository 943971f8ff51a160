#define LDSO_ARCH "wasm32"

/* There is no dynamic loader. */
#define CRTJMP(pc,sp) __builtin_trap()
