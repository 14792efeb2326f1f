#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# test-machine.sh [HVLAB]: guests without an operating system (bare/) on this machine's KVM: each
# way to end has its status and its line, results arrive or say why not, and the hypervisor surface
# answers as the specification says. Exit 77: no KVM here that runs them.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# shellcheck source-path=SCRIPTDIR source=expect.sh
. "$here/expect.sh"
endings=$here/build/bare-endings
surface=$here/build/bare-surface
mounted=''
# Called by the trap.
# shellcheck disable=SC2317
leave() {
	[ -z "$mounted" ] || umount "$dir/full"
	rm -rf "$dir"
}
trap leave EXIT

# run STATUS TEXT GUEST ARGUMENT OPTION...: the guest ends with STATUS, hvlab says TEXT.
run() {
	status=$1
	text=$2
	kernel=$3
	argument=$4
	shift 4
	got=0
	timeout 60 "$hvlab" --kernel "$kernel" --append "$argument" --mem 64 --deadline 30 "$@" \
		>out 2>err || got=$?
	if [ "$got" -ne "$status" ]; then
		fail "$argument: status $got instead of $status"
	elif ! grep -qF -- "$text" err && [ -n "$text" ]; then
		fail "$argument: does not say '$text'"
	elif [ -n "$(find . -name '*.tmp')" ]; then
		fail "$argument: leaves $(find . -name '*.tmp')"
	else
		passed=$((passed + 1))
	fi
}

if ! [ -w /dev/kvm ]; then
	echo "no /dev/kvm here"
	exit 77
fi
if ! timeout 20 "$hvlab" --kernel "$endings" --append pass --mem 64 --deadline 10 2>err; then
	echo "the KVM here does not run the simplest guest: $(head -n 1 err)"
	exit 77
fi

# Every way to end.
run 0 '' "$endings" pass
run 1 'the guest said: exit 1' "$endings" fail
run 11 'the guest powered off' "$endings" power-off
run 12 'the guest reset (ACPI reset register)' "$endings" reset-acpi
run 12 'the guest reset (keyboard controller)' "$endings" reset-keyboard
run 12 'the guest reset (port 0xcf9)' "$endings" reset-cf9
run 12 'the guest reset (Hyper-V reset register)' "$endings" reset-hyperv
run 5 'Kernel panic - not syncing: no init' "$endings" early-panic
run 5 'guest: first line of the panic' "$endings" panic
run 5 'crash registers 0000000000001000 0000000000001001' "$endings" panic
run 0 'it goes on as asked' "$endings" panic-continue --on-panic continue
run 10 'vp 0' "$endings" triple-fault
run 4 'the deadline of 1 s has passed' "$endings" spin --deadline 1
run 4 'halted' "$endings" halt --deadline 1
run 4 'vp 1: not started by the guest' "$endings" halt --deadline 1 --cpus 2
run 4 'bare_test+0x' "$endings" spin --deadline 1 --symbols "$endings"

# A signal ends it in order.
"$hvlab" --kernel "$endings" --append spin --mem 64 --results signal.json 2>err &
pid=$!
sleep 1
kill "$pid"
got=0
wait "$pid" || got=$?
if [ "$got" -eq 143 ] && grep -q '"cause":"signal"' signal.json; then
	passed=$((passed + 1))
else
	fail "SIGTERM: status $got"
fi

# Results.
run 0 '' "$endings" talk --results talk.json
for text in '"number":42' '"text":"two words"' '"name":"middle"' '"name":"end"' '"cause":"verdict"' \
	'"hypercalls"' '"pio_out"' '"total_ns"'; do
	if grep -qF "$text" talk.json; then
		passed=$((passed + 1))
	else
		fail "talk.json has no $text"
	fi
done
run 13 '/dev/full: cannot write results: No space left' "$endings" pass --results /dev/full
mkdir full
if mount -t tmpfs -o size=8k tmpfs full 2>/dev/null; then
	mounted=1
	echo old >full/results.json
	run 13 'full/results.json: cannot write results: No space left' "$endings" pass \
		--results full/results.json
	if [ "$(cat full/results.json)" = old ] && [ "$(find full -type f | wc -l)" -eq 1 ]; then
		passed=$((passed + 1))
	else
		fail "a full disk: debris, or the old results are gone"
	fi
else
	skip "a full disk: needs root"
fi
run 0 'console output is lost' "$endings" console --console /dev/full

# The hypervisor surface.
run 0 '' "$surface" ''
run 0 '' "$surface" nonsense
if grep -q 'FAILED' err; then
	fail "hypervisor surface"
fi

finish
