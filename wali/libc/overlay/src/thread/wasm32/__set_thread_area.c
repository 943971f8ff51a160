/* Nothing: __init_tp sets the thread pointer by itself. */
typedef int empty;
