/* Arithmetic faults as signals: handlers that return and that jump, and none. */
#include <signal.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
static sigjmp_buf jb; static volatile int zero; static int cnt;
static void h(int s, siginfo_t *i, void *u){ if (++cnt==3||s!=SIGFPE) siglongjmp(jb, s*100+i->si_code); }
int main(){ struct sigaction sa = {0}; sa.sa_sigaction=h; sa.sa_flags=SA_SIGINFO; sigaction(SIGFPE,&sa,0); sigaction(SIGILL,&sa,0);
 setvbuf(stdout,0,_IONBF,0);
 for(int i=0;i<3;i++){ cnt=0; int v=sigsetjmp(jb,1); if(!v) printf("%d\n", 10/zero); else printf("caught %d after %d\n", v, cnt); }
 signal(SIGFPE,SIG_DFL); printf("%d\n", 7%zero); }
