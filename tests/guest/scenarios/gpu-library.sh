# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# libhvgpu against a device: its cases with revocation, its programs, and what they refuse.
#: cpus=2 deadline=180 guest=gpu guest=modules
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=16M
#: --pci gpu,id=gpu1,domain=2,serial=2,memory=2M,prefetchable=off

# shellcheck disable=SC1091
. /lab/gpu.sh

# hvgpu PROGRAM ARGUMENT...: with the library as it is delivered
hvgpu() {
	hvgpu_program=$1
	shift
	LD_LIBRARY_PATH=/lab/programs "/lab/programs/hvgpu-$hvgpu_program" "$@" >/tmp/hvgpu.log 2>&1
}

# ends STATUS PROGRAM ARGUMENT...
ends() {
	ends_wanted=$1 ends_got=0
	shift
	note "+ hvgpu-$*"
	hvgpu "$@" || ends_got=$?
	[ "$ends_got" = "$ends_wanted" ] ||
		fail "hvgpu-$* ended with $ends_got, not $ends_wanted: $(tail -n 1 /tmp/hvgpu.log)"
}

# measured LINES: of numbers, p50 <= p99 <= p99.9 in latency, >= in bandwidth
measured() {
	cat /tmp/hvgpu.log
	awk -v wanted="$1" '
		$1 != "to" && $1 != "from" { next }
		{ n++ }
		NF == 6 && !($3 <= $4 && $4 <= $5 && $5 <= $6 && $6 > 0) { print "wrong: " $0; bad = 1 }
		NF == 5 && !($3 >= $4 && $4 >= $5 && $5 > 0) { print "wrong: " $0; bad = 1 }
		END { exit bad || n != wanted }' /tmp/hvgpu.log || fail "$(tail -n 1 /tmp/hvgpu.log)"
}

gpu_up
ends 3 sanity 0001:00:00.0 # nobody handed it over yet
claim 0001:00:00.0
claim 0002:00:00.0
case $KERNEL in
6.1 | 6.1-* | debug) type=uncached plain=-u ;;
*) type='write combining' plain= ;;
esac

# The memory is as it was after each of them.
run dd if=/dev/urandom of=/tmp/fill bs=64k count=1
run /lab/programs/gputest put /tmp/fill 0001:00:00.0 -
unchanged() {
	/lab/programs/gputest get /tmp/now 0001:00:00.0 - || fail "cannot read the memory"
	cmp -s /tmp/fill /tmp/now || fail "hvgpu-$hvgpu_program left other contents"
}
ends 0 sanity 0001:00:00.0
unchanged
ends 0 sanity -r 0001:00:00.0
cat /tmp/hvgpu.log
same "cases" 7 "$(grep -c '^ok ' /tmp/hvgpu.log)"
grep -q "BAR 2, $type, movntdqa\$" /tmp/hvgpu.log || fail "not $type by movntdqa: $(head -n 1 /tmp/hvgpu.log)"
unchanged
# shellcheck disable=SC2086 # none or one
ends 0 copybw $plain -s 0x10000 -n 100 0001:00:00.0
measured 6
unchanged
# shellcheck disable=SC2086
ends 0 copylat $plain -s 4096 -n 1000 0001:00:00.0
measured 26
unchanged
ends 0 copylat -u -m words -s 4096 -n 10 -o 0x1000 -b 2 0001:00:00.0
grep -q 'at 0x1000, uncached, words, 10 copies' /tmp/hvgpu.log || fail "$(head -n 1 /tmp/hvgpu.log)"
[ -z "$plain" ] || {
	ends 1 copylat 0001:00:00.0
	grep -q 'no write combining' /tmp/hvgpu.log || fail "$(cat /tmp/hvgpu.log)"
}

# What cannot be.
ends 2 sanity
ends 2 copybw -n 0 0001:00:00.0
ends 2 copybw -s 4x 0001:00:00.0
ends 2 copybw -m none 0001:00:00.0
ends 1 copybw -u -o 0x1000000 0001:00:00.0 # its end
ends 1 copybw -u -o 1 0001:00:00.0
ends 3 sanity 0002:00:00.0
ends 3 copybw 0002:00:00.0
ends 3 copylat 0003:00:00.0

# Quiesced in the middle of it, a program says so and leaves nothing behind.
LD_LIBRARY_PATH=/lab/programs /lab/programs/hvgpu-copybw -u -n 10000000 0001:00:00.0 >/tmp/long.log 2>&1 &
long=$!
eventually 10 "copies" grep -q MB/s /tmp/long.log
sleep 1
echo 1 >"$gpupt/devices/0001:00:00.0/quiesce"
end=0
wait "$long" || end=$?
same "a program under way" 1 "$end"
grep -q 'No such device' /tmp/long.log || fail "it said: $(tail -n 1 /tmp/long.log)"
ends 3 sanity 0001:00:00.0
echo 0 >"$gpupt/devices/0001:00:00.0/quiesce"
ends 0 sanity 0001:00:00.0
run rmmod hv_gpu_passthrough
