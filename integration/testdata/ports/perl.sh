# needs: perl
# flags: --native-exec
cat >processes.pl <<'END'
use strict; use warnings; use POSIX qw(:sys_wait_h :signal_h dup2 setsid _exit); use Errno qw(EINTR ENOENT); use Time::HiRes qw(sleep ualarm); $| = 1;
sub status { my $s = shift; $s & 127 ? "signal " . ($s & 127) : "exit " . ($s >> 8) }
my $pid = fork // die; exit 7 unless $pid; waitpid $pid, 0; print "fork: ", status($?), "\n";
pipe my $r, my $w; unless (fork) { close $r; print $w "line $_\n" for 1 .. 1000; close $w; _exit 3 } close $w; my @l = <$r>; wait; print "pipe: ", scalar @l, " ", status($?), "\n";
open my $p, "-|", "sh", "-c", 'echo from a shell; exit 5' or die "open: $!"; print "read: ", <$p>; { local $?; close $p; print "close: ", status($?), "\n" } print "outside: ", status($?), "\n";
open $p, "|-", "sort", "-r" or die; print $p "$_\n" for qw(b c a); close $p; print "sort: ", status($?), "\n";
my $kid = open $p, "-|"; unless ($kid) { print "to the parent\n"; exit } print "forked open: ", <$p>; close $p;
print "backticks: ", `echo one; exit 4`, status($?), "\n"; print "system: ", status(system "kill -9 \$\$"), "\n"; print "none: ", system("/nonexistent/program") , " ", $! == ENOENT ? "ENOENT" : "$!", "\n";
{ local $SIG{ALRM} = sub { die "alarm\n" }; eval { alarm 1; 1 while 1 }; print "loop: $@"; eval { alarm 1; select undef, undef, undef, 20 }; print "select: $@"; eval { ualarm 100_000; sleep 20 }; print "sleep: $@" }
my %got; for my $s (qw(HUP INT QUIT USR1 USR2 TERM CHLD WINCH CONT)) { local $SIG{$s} = sub { $got{$_[0]}++ }; kill $s, $$ for 1 .. 3; } print join(" ", map { "$_ $got{$_}" } sort keys %got), "\n";
my $set = POSIX::SigSet->new(SIGUSR1); my $old = POSIX::SigSet->new; $got{USR1} = 0; $SIG{USR1} = sub { $got{USR1}++ }; sigprocmask SIG_BLOCK, $set, $old; kill USR1 => $$; print "blocked: $got{USR1}\n"; sigprocmask SIG_SETMASK, $old; print "unblocked: $got{USR1}\n";
my $reaped = 0; { local $SIG{CHLD} = sub { 1 while waitpid(-1, WNOHANG) > 0 && ++$reaped }; for (1 .. 20) { fork // die or _exit 0 } sleep 0.02 until $reaped == 20; } print "reaped: $reaped\n";
$pid = fork // die; unless ($pid) { $SIG{TERM} = "IGNORE"; exec "sh", "-c", 'kill -TERM $$; echo ignored; kill -KILL $$' } waitpid $pid, 0; print "exec: ", status($?), "\n";
$pid = fork // die; unless ($pid) { setsid; open STDOUT, ">", "session"; print getpgrp == $$ ? "leader\n" : "no\n"; exit } waitpid $pid, 0; open my $f, "<", "session"; print <$f>;
END { print "end of ", $$ == $main::first ? "the first" : "another", "\n" } BEGIN { $main::first = $$ }
END
perl processes.pl; echo $?
cat >sockets.pl <<'END'
use strict; use warnings; use IO::Socket::INET; use IO::Socket::UNIX; use IO::Select; use Socket;
my $l = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1", ReuseAddr => 1) or die "$@"; my $port = $l->sockport;
my @kids = map { my $n = $_; fork // die or do { my $s = IO::Socket::INET->new("127.0.0.1:$port") or die; print $s "client $n\n" x 100; shutdown $s, 1; my @a = <$s>; exit @a } } 1 .. 5;
my $sel = IO::Select->new($l); my (%text, @all);
until (@all == 5) { for my $h ($sel->can_read) { if ($h == $l) { $sel->add(scalar $l->accept); next } if (!sysread $h, $text{$h}, 4096, length($text{$h} // "")) { print $h "answer\n" x ($text{$h} =~ tr/\n//); $sel->remove($h); close $h; push @all, delete $text{$h} } } }
print join(" ", sort map { /(\d)/; $1 . ":" . length } @all), "\n"; my %exit; waitpid($_, 0), $exit{$? >> 8}++ for @kids; print %exit, "\n";
socketpair my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die; syswrite $a, "over a pair"; sysread $b, my $t, 100; print "$t\n";
my $u = IO::Socket::UNIX->new(Local => "socket", Listen => 1) or die; unless (fork) { my $c = IO::Socket::UNIX->new("socket"); print $c "by a path"; exit } print readline($u->accept), "\n"; wait; unlink "socket";
print inet_ntoa(scalar gethostbyname "127.0.0.1"), " ", unpack("H*", pack_sockaddr_in(80, inet_aton "1.2.3.4")), "\n"; IO::Socket::INET->new("127.0.0.1:1") or print "refused: ", $!{ECONNREFUSED} ? 1 : "$!", "\n";
END
perl sockets.pl; echo $?
cat >language.pl <<'END'
use strict; use warnings; use feature qw(say state signatures); no warnings qw(experimental::signatures); use List::Util qw(reduce sum0 uniq); use Data::Dumper; use Storable qw(dclone nstore retrieve); use Digest::MD5; use Digest::SHA qw(sha256_hex); use MIME::Base64; use POSIX qw(strftime floor fmod DBL_MAX INT_MAX LONG_MAX UINT_MAX); use Scalar::Util qw(weaken looks_like_number dualvar); use Math::BigInt; use Time::Local; use Unicode::Normalize; use File::Glob ":bsd_glob"; use SDBM_File; use Fcntl;
$Data::Dumper::Sortkeys = $Data::Dumper::Indent = 1; my $d = { list => [1, -2.5, "three", undef, \"four", qr/a.b/i], code => { 1 .. 6 } }; print Dumper(dclone $d); nstore $d, "stored"; say Dumper(retrieve "stored") eq Dumper($d) ? "as stored" : "not as stored";
say join " ", 2**53 + 1, 2**63, ~0, -7 / 2, -7 % 3, 7 % -3, int -3.7, 9223372036854775807 + 1, 1e308 * 10, -17 >> 60, 1 << 40, 0.1 + 0.2, 1e21, 255 == 255.0, "10" + "20", "3 apples" * 1 // "" for 1; 
say join " ", INT_MAX, UINT_MAX, LONG_MAX, DBL_MAX, floor(-1.5), fmod(7, 3), strftime("%F %T", gmtime 1e9), timegm(0, 0, 0, 1, 0, 3000), Math::BigInt->new(2) ** 200;
printf "%s|%5s|%-5s|%05d|%+d|%x|%o|%b|%e|%g|%.3f|%s|%c|%%|%vd|%2\$s\n", "a", "b", "c", 42, 42, 2**40, 8, 5, 12345.678, 1e-5, 2.0005, 1e15, 65, "1.22.333";
say join ",", unpack "c C s S l L q Q n N v V w a3 A5 H4 f d", pack "c C s S l L q Q n N v V w a3 A5 H4 f d", -1, 255, -2, 65535, -3, 2**32 - 1, -4, 2**64 - 1, 258, 16909060, 258, 16909060, 300, "xyz", "abc", "beef", 1.5, -2.25;
my $text = "The quick brown fox; the lazy dog, 2026-11-23 and 1999-01-02."; say join "|", $text =~ /(?<y>\d{4})-(\d\d)-(\d\d)/g; say $text =~ s/(\w+)/\u\L$1/gr; say join "|", split /\s*[;,]\s*/, $text; (my $t = $text) =~ tr/a-zA-Z//cd; say $t; say "balanced: $1" if "x(a(b)c(d(e)))y" =~ /(\((?:[^()]++|(?1))*\))/; my @w; "aXbXc" =~ /X(?{ push @w, pos })(*FAIL)/; say "@w"; say "\x{e9}\x{df}" =~ /^\w+$/u ? 1 : 0, lc("\x{c0}\x{130}") eq "\x{e0}i\x{307}" ? 1 : 0, length NFD("\x{e9}");
say join " ", map { $_->[0] } sort { $a->[1] <=> $b->[1] || $a->[0] cmp $b->[0] } map { [$_, length] } split /\W+/, $text; say reduce { $a * $b } 1 .. 20; say sum0(map { $_ ** 2 } grep { $_ & 1 } 1 .. 99), " ", join ",", uniq qw(b a b);
sub fib ($n) { state %m; $m{$n} //= $n < 2 ? $n : fib($n - 1) + fib($n - 2) } say fib(90); sub deep { my $n = shift; $n ? 1 + deep($n - 1) : 0 } { no warnings "recursion"; say deep(20000) }
package Counter { use overload "+" => sub { Counter->new($_[0]{n} + (ref $_[1] ? $_[1]{n} : $_[1])) }, '""' => sub { "<$_[0]{n}>" }; sub new { my ($c, $n) = @_; bless { n => $n }, $c } sub DESTROY { $Counter::gone++ } our $AUTOLOAD; sub AUTOLOAD { $AUTOLOAD =~ s/.*:://r } } { my $c = Counter->new(3) + 4; say "$c ", $c->anything } say "gone: $Counter::gone";
my $r = eval { die { code => 42 } } // $@; say $r->{code}; eval { eval { die "inner\n" }; print "caught $@"; die "outer\n" }; print "caught $@"; say eval "1 +" // "syntax error"; warn "to standard error\n"; local $SIG{__DIE__} = sub { print "handler: $_[0]" }; eval { my @a = (1) x 3; $a[5]{x}[2] = 1; say scalar @a; my $x = 1 / (@a - 6) };
say Digest::MD5->new->add("a" x 1000)->hexdigest; say sha256_hex("abc"), " ", encode_base64 "bytes \0\1\2", ""; tie my %h, "SDBM_File", "dbm", O_RDWR | O_CREAT, 0666 or die; $h{$_} = $_ x 2 for 1 .. 500; say scalar(keys %h), $h{250}; untie %h; say join " ", bsd_glob("{d,s}*"); unlink glob "dbm.*"; unlink "stored";
format STDOUT =
@<<<<<< @>>>>> @##.## @*
"left", "right", 3.14159, "rest"
.
write; open my $f, "+>:utf8", "file" or die; print $f "\x{263a}\n" x 3; seek $f, 0, 0; my @l = <$f>; say scalar(@l), " ", length $l[0], " ", -s "file"; close $f; truncate "file", 5; say -s "file"; open my $m, "<", \"in\nmemory\n"; say scalar(() = <$m>); local ($,, $\) = ("-", "!\n"); print 1, 2, 3; { local @ARGV = "file"; local $/; my $x = <>; print length $x } unlink "file"; exit 9
END
perl language.pl; echo $?
printf 'b 2\na 1\nc 3\n' >in; perl -lane 'print "$F[1] $F[0]"; END { print $. }' in; perl -i.old -pe 's/a/A/' in; cat in in.old; perl -e 'print "@ARGV\n"; exec "perl", "-le", "print q(again); exit 15"' x y; echo $?; perl -c -e 'print 1' 2>&1; perl -e 'die "reason\n"'; echo $?; perl -we 'my $x; print "a" . $x' 2>&1; echo 'print "from standard input\n"' | perl; perl -MPOSIX -e 'print "no" if $^X !~ m,^/.*perl(\.wasm)?$,'; rm session in*
