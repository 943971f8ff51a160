# needs: make coreutils
export SHELL=$(type -p sh) MAKEFLAGS=; m="make SHELL=$SHELL"
mkdir src; for f in a b c; do echo "text of $f" >src/$f.in; done
cat >Makefile <<'END'
.SUFFIXES:
objects := $(patsubst src/%.in,out/%.o,$(sort $(wildcard src/*.in)))
define rule
out/$(1).extra: src/$(1).in | out ; @echo extra $(1); tr a-z A-Z <$$< >$$@
endef
all: program $(foreach f,a b,out/$(f).extra)
$(foreach f,a b,$(eval $(call rule,$(f))))
program: $(objects)
	@echo link $(notdir $^); cat $^ >$@
out/%.o: src/%.in | out
	@echo compile $* because of $(notdir $?); sed 's/text/object/' $< >$@
out: ; @mkdir $@
include generated.mk
generated.mk: Makefile ; @echo 'GENERATED = $(shell echo yes)' >$@
show: ; @echo '$(GENERATED) $(words $(objects)) $(firstword $(objects)) $(MAKECMDGOALS) $(.SHELLSTATUS) $(origin CC) $(if $(filter-out out/a.o,$(objects)),some,none)'
fail: ; @exit 3
ignored: ; -@exit 3
keep: fail more
more: ; @echo more
signal: ; @kill -TERM $$$$
precious.tmp: ; @echo partial >$@; exit 1
.DELETE_ON_ERROR:
.PHONY: all show fail ignored keep more signal clean tree
export EXPORTED = from the makefile
env: ; @echo "$$EXPORTED $$MAKELEVEL"
tree: ; @$(MAKE) --no-print-directory -C src -f ../sub.mk one two three
clean: ; @rm -rf out program generated.mk precious.tmp
END
cat >sub.mk <<'END'
one two three four: ; @echo $@ at level $(MAKELEVEL)
END
make -v | head -n 1; $m; $m; echo $?; $m show; touch -d '+1 minute' src/b.in; $m -n | grep -v '^mkdir'; $m -q; echo $?; $m; touch -d '2001-01-01' src/b.in; $m -W src/c.in; $m -t; $m -B -j2 2>&1 | sort
$m fail; echo $?; $m ignored; echo $?; $m -k keep; echo $?; $m signal 2>&1 | sed 's/^.*: signal/signal/'; $m precious.tmp; echo $?; test -e precious.tmp; echo $?; $m nothing; echo $?; $m env EXPORTED=overridden; $m -s -e env; $m tree 2>&1; $m -pn -f /dev/null 2>/dev/null | grep -c '^\.SUFFIXES'; $m -f nowhere; echo $?; $m clean; ls
cat >jobs.mk <<'END'
list := 1 2 3 4 5 6 7 8
all: $(list:%=j%) sub
# No more than the jobs that -j allows run at a time, in all levels together.
j%: ; @mkdir running.$*; set -- running.*; [ $$# -le $(limit) ] || echo $$# at a time; sleep 0.05; rmdir running.$*; echo done $* >>log
sub: ; @+$(MAKE) -f jobs.mk $(list:%=j1%) limit=$(limit)
%.never: ; false
END
for n in 1 2 3; do : >log; $m -s -j$n -f jobs.mk limit=$n; echo $?; sort log | paste -sd' '; done
$m -s -j2 -O -f - <<'END'
all: a b
a: ; @echo a begins; while ! test -e b.done; do sleep 0.02; done; echo a ends
b: ; @echo b begins; echo b ends; touch b.done
END
$m -s -f - <<'END'
.ONESHELL:
all:
	x=1
	echo $$((x + 1))
	cd /
	pwd
END
cat >text.mk <<'END'
$(info $(sort b a b) $(subst a,b,banana) $(word 2,x y z) $(dir a/b.c)$(basename a/b.c)$(suffix a/b.c) $(addprefix p,a b) $(join a b,1 2) $(strip  a  b ) $(findstring a,b))
$(info $(shell seq 3) $(value HOME) $(realpath nowhere) $(abspath /a/../b) $(or ,x) $(and a,b) $(wordlist 2,3,a b c d) $(lastword a b))
ifeq ($(shell exit 4; echo),)
$(info status $(.SHELLSTATUS))
endif
$(file >written,some text)
$(warning careful)
x != echo assigned
all: ; @echo $(x) $(file <written)
$(error stop here)
END
$m -f text.mk; echo $?; printf 'all: ; @echo ok\n\tbad\n  x y\n' >bad.mk; $m -f bad.mk; echo $?; printf 'a: b\nb: a\n\t@echo circular\n' >circle.mk; $m -f circle.mk
printf 'all: ; @echo $$$$ >started; exec sleep 100\n' >slow.mk; $m -s -f slow.mk 2>&1 &
while ! test -s started; do sleep 0.02; done; kill $!; wait $! 2>/dev/null; echo $?; kill -0 "$(cat started)" 2>/dev/null; echo $?; rm -f log started
