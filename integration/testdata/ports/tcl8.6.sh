# needs: tcl8.6
tclsh <<'END'
puts [list [info patchlevel] $tcl_platform(os) $tcl_platform(threaded)]
puts [expr {2**200}] ; puts [expr {-9223372036854775808 - 1}] ; puts [expr {sqrt(2) + int(7.9) % 4}]
proc fib n { expr {$n < 2 ? $n : [fib [expr {$n-1}]] + [fib [expr {$n-2}]]} }
puts [fib 17]
proc deep n { if {$n == 0} { return bottom } ; deep [expr {$n - 1}] }
interp recursionlimit {} 6000
puts [deep 5000]; puts [catch { deep 10000 }]
coroutine gen apply {{} { yield; for {set i 0} {$i < 3} {incr i} { yield [expr {$i * $i}] }; return done }}
puts "[gen] [gen] [gen] [gen]"
puts [regexp -all -inline {(\w)(\d+)} "a12 b3 c456"]; puts [regsub -all {[aeiou]} "substitution" {<&>}]
set d [dict create one 1 two 2]; dict incr d one 41; puts $d
puts [lsort -integer -decreasing {3 11 2}]; puts [format "%5.2f|%-6s|%#x" 3.14159 ab 255]
puts [encoding convertfrom utf-8 "gr\xc3\xbc\xc3\x9fe"]; puts [string toupper "äöü"]; puts [string length "日本"]
puts [clock format 86399 -gmt 1 -format "%Y-%m-%d %H:%M:%S"]; puts [binary scan "\x01\x02\xff\xff" sc a b]:$a,$b
oo::class create Counter { variable n; constructor {} { set n 0 }; method up {} { incr n } }
set c [Counter new]; $c up; puts [$c up]
puts [zlib crc32 hello]; puts [zlib gunzip [zlib gzip [string repeat "text " 1000]]] ; puts [string length [zlib compress [string repeat x 100000]]]
puts [catch { error "custom" "trace" CODE } m o]:$m:[dict get $o -errorcode]
set i [interp create -safe]; puts [catch { $i eval { open /etc/passwd } } m]:$m
END
echo status $?
cat >job.tcl <<'END'
# Processes, pipes, files.
puts [exec echo one | tr a-z A-Z]
puts [exec sort << "b\na\nc" | head -n 2]
puts [catch { exec sh -c "echo said; echo wrong >&2; exit 3" } m o]:$m:[lindex [dict get $o -errorcode] 0],[lindex [dict get $o -errorcode] 2]
puts [catch { exec sh -c {kill -9 $$} } m o]:[lrange [dict get $o -errorcode] 2 end]
set p [open "|cat" r+]; fconfigure $p -buffering line; puts $p "through a pipe"; puts [gets $p]; close $p
file delete copy; set f [open data w]; puts $f "line 1\nline 2"; close $f; file copy data copy; puts [file size copy]; puts [lsort [glob *]]
set pids [exec sleep 0 &]; puts [llength $pids]
# The event loop: timers, a server and its client, a pipe that ends.
proc serve {s a p} { fconfigure $s -buffering line; fileevent $s readable [list answer $s] }
proc answer s { if {[gets $s line] < 0} { if {[eof $s]} { close $s; set ::closed 1 } } else { puts $s [string reverse $line] } }
set server [socket -server serve -myaddr 127.0.0.1 0]
set port [lindex [fconfigure $server -sockname] 2]
set c [socket 127.0.0.1 $port]; fconfigure $c -buffering line
fileevent $c readable { gets $c got }
puts $c "stressed"; vwait got; puts $got; close $c; vwait closed
puts [catch { socket 127.0.0.1 1 } m]:$m
after 20 { set late 1 }; after 1 { set early 1 }; vwait late; puts [info exists early]
set q [open "|sh -c {for i in 1 2 3; do echo \$i; done}"]; fconfigure $q -blocking 0
fileevent $q readable { if {[gets $q l] >= 0} { append all $l } elseif {[eof $q]} { close $q; set end 1 } }; vwait end; puts $all
exit 7
END
tclsh job.tcl; echo status $?
tclsh job.tcl extra </dev/null | tail -n 1; printf 'puts [gets stdin]\nthe next line\n' | tclsh; tclsh gone.tcl; echo $?
echo 'proc f {} { g }; proc g {} { error deep }; f' | tclsh 2>&1; echo 'puts $argv; puts $argv0' >args.tcl; tclsh args.tcl a "b c"; rm -f copy
