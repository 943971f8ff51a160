#include <math.h>

double copysign(double x, double y)
{
	return __builtin_elementwise_copysign(x, y);
}
