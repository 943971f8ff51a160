// A module whose code others would like to change.
#include <unistd.h>
int main(void) { return write(1, "honest\n", 7) != 7; }
