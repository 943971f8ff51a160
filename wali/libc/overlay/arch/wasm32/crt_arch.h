/* crt/wasm32/crt1.c is written in C and needs no entry code. */
