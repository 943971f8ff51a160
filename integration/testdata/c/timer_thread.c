// needs: threads
// flags: -pthread
// The function of a timer with SIGEV_THREAD runs each time as a new thread would: its
// thread-local variables begin with their first values, and a call that ends by
// pthread_exit is not the last.
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Thread_local int first = 7, second = 11, calls;
static atomic_int served[3];
static sem_t done[3];

static void notify(union sigval value)
{
	if (++served[value.sival_int] > 3) return;
	printf("call %d with %d: %d %d\n", ++calls, value.sival_int, first, second);
	fflush(stdout);
	first += 100;
	second = 0;
	sem_post(&done[value.sival_int]);
	if (value.sival_int == 2) pthread_exit(0);
}

int main(void)
{
	for (int i = 1; i <= 2; i++) {
		struct sigevent event = {
			.sigev_notify = SIGEV_THREAD, .sigev_notify_function = notify, .sigev_value.sival_int = i,
		};
		struct itimerspec when = {.it_value.tv_nsec = 1000000, .it_interval.tv_nsec = 1000000};
		timer_t timer;
		sem_init(&done[i], 0, 0);
		if (timer_create(CLOCK_MONOTONIC, &event, &timer)) return perror("timer_create"), 1;
		timer_settime(timer, 0, &when, 0);
		for (int j = 0; j < 3; j++) sem_wait(&done[i]);
		timer_delete(timer);
	}
	return 0;
}
