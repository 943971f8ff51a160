#ifndef FMT_DOUBLE_H
#define FMT_DOUBLE_H

#include <stdio.h>

/* Writes a double as printf does: w is the width, p the precision or negative, fl the flags as
 * bits 1<<flag-' ', and t the conversion. Returns the length, or -1 if that is no int. */
hidden int __fmt_double(FILE *f, double y, int w, int p, int fl, int t);

#endif
