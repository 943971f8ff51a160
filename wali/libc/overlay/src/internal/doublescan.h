#ifndef DOUBLESCAN_H
#define DOUBLESCAN_H

#include <stdio.h>

/* __floatscan for what is no long double: prec is 0 for a float, 1 for a double. */
hidden double __doublescan(FILE *, int prec, int pok);

#endif
