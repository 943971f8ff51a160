/* Signals in a loop, in a blocking call, to itself, with jumps out of handlers. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/time.h>
#include <errno.h>
#include <setjmp.h>
static volatile int n; static volatile int seen[65]; 
void h(int s){ n++; seen[s]++; }
void hi(int s, siginfo_t*i, void*u){ n++; printf("info sig %d code %d pid %d\n", s, i->si_code, i->si_pid==getpid()); }
static sigjmp_buf jb;
void hj(int s){ siglongjmp(jb, s); }
volatile char *bad;
int main(){ setvbuf(stdout,0,_IONBF,0);
  signal(SIGUSR1,h); raise(SIGUSR1); printf("n=%d\n", n);
  struct sigaction sa={0}; sa.sa_sigaction=hi; sa.sa_flags=SA_SIGINFO; sigaction(SIGUSR2,&sa,0); kill(getpid(),SIGUSR2);
  signal(SIGALRM,h);
  struct itimerval it={{0,1000},{0,1000}}; setitimer(ITIMER_REAL,&it,0);
  double x=1; unsigned long long k=0; n=0;
  while(n<200){ x=x*0.999999+0.25; k=k*1099511628211ull+n; }
  printf("loop done\n");
  it.it_interval.tv_usec=it.it_value.tv_usec=0; setitimer(ITIMER_REAL,&it,0);
  int p[2]; pipe(p); signal(SIGALRM,h); struct sigaction s2={0}; s2.sa_handler=h; sigaction(SIGALRM,&s2,0); alarm(1); char c; int r=read(p[0],&c,1); printf("read %d %s\n", r, strerror(errno));
  signal(SIGALRM,hj);
  int v=sigsetjmp(jb,1);
  if(v==0){ ualarm(20000,0); for(;;) x+=1; }
  printf("jumped %d\n", v);
  v=sigsetjmp(jb,1);
  if(v==0){ ualarm(20000,0); read(p[0],&c,1); }
  printf("jumped2 %d\n", v);
  signal(SIGSEGV,hj);
  v=sigsetjmp(jb,1);
  if(v==0){ *bad=1; }
  printf("segv %d\n", v);
  v=sigsetjmp(jb,1);
  if(v==0){ *bad=1; }
  printf("segv again %d\n", v);
  sigset_t s,o; sigemptyset(&s); sigaddset(&s,SIGUSR1); sigprocmask(SIG_BLOCK,&s,&o); n=0; raise(SIGUSR1); raise(SIGUSR1); printf("blocked %d\n", n); sigprocmask(SIG_SETMASK,&o,0); printf("after %d\n", n);
  for(int i=0;i<3;i++){ sigprocmask(SIG_BLOCK,&s,&o); raise(SIGUSR1); sigset_t e; sigemptyset(&e); r=sigsuspend(&e); printf("suspend %d %d n=%d\n", r, errno==EINTR, n); sigprocmask(SIG_SETMASK,&o,0);} 
  signal(SIGTERM,SIG_DFL); raise(SIGTERM); return 0; }
