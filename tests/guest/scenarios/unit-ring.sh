# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The KUnit suite of the ring code, in a kernel that has KUnit: --debug-kernel --driver hv_netvsc_accel.
#: cpus=2 deadline=180
suite=hv_vmbus_accel_ring

[ -e "/usr/lib/modules/$(uname -r)/ours/hv_vmbus_accel_kunit.ko" ] ||
	skip "no KUnit suite in this image; it takes --debug-kernel --driver hv_netvsc_accel"
run modprobe kunit enable=1
insert_ours hv_vmbus_accel_kunit
# KTAP on the kernel's log is all that KUnit gives without its debugfs.
dmesg | sed -n "s/^\[[^]]*\] //; /# Subtest: $suite/,/ok [0-9]* $suite/p" >/tmp/ktap
cat /tmp/ktap
passed=$(grep -c '^ *ok ' /tmp/ktap) || :
failed=$(grep -c '^ *not ok ' /tmp/ktap) || :
result kunit_passed "$passed"
result kunit_failed "$failed"
# Five cases and the suite's own line.
[ "$failed $passed" = '0 6' ] || fail "$failed failed, $passed of 6 passed"
run rmmod hv_vmbus_accel_kunit
