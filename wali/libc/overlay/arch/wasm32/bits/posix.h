/* None of the four programming environments of POSIX has 64-bit long and 32-bit pointers. */
