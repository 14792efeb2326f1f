# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# What the exporter refuses whoever asks, and what it tells of: each is tried, misses are counted.
#: cpus=2 deadline=180 guest=gpu guest=modules LEVEL=integrity
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=16M
#: --pci gpu,id=gpu1,domain=2,serial=2,memory=2M,msix-in-memory=on
#: --pci gpu,id=gpu2,domain=3,serial=3,memory=2M,prefetchable=off
#: --pci gpu,id=gpu3,domain=4,serial=4,memory=2M
#: --pci rdma,id=ib0,domain=0x101,serial=5

# shellcheck disable=SC1091
. /lab/gpu.sh

# Not the first one ends it: without a guard the others are still to be seen.
misses=0
miss() {
	note "MISSED: $*"
	misses=$((misses + 1))
}

# refusal NAME: a case of gputest
refusal() {
	note "+ gputest refusal $1"
	/lab/programs/gputest refusal "$1" 0001:00:00.0 0101:00:00.0 >/tmp/refusal.log 2>&1 ||
		miss "$(tail -n 1 /tmp/refusal.log)"
}

# exported OFFSET LENGTH ADDRESS
exported() {
	/lab/programs/gputest probe "$@" - >/tmp/probe.log 2>&1
}

# not_bound WHY: the fourth function is handed over, and refused
not_bound() {
	[ ! -e /dev/gpupt/0004:00:00.0 ] || {
		miss "bound $1"
		echo 0004:00:00.0 >"$pci_devices/0004:00:00.0/driver/unbind"
	}
}

gpu_up
insert_ours lab_dma
eventually 10 "the engine" test -c /dev/labdma/0101:00:00.0
for address in 0001 0002 0003; do
	claim "$address:00:00.0"
done

# A table of interrupts is never handed out, though it is in a prefetchable BAR; nor is a BAR that
# is not prefetchable.
exported 0 4096 0002:00:00.0 || fail "the first page of the memory: $(cat /tmp/probe.log)"
for part in '0x1fe000 4096' '0x1ff000 4096' '0x1fd000 8192' '0 0x200000'; do
	# shellcheck disable=SC2086 # two words
	! exported $part 0002:00:00.0 || miss "pages of the MSI-X table are exported: $part"
done
! exported 0 4096 0003:00:00.0 || miss "memory that is not prefetchable is exported"

refusal raw-io

# Every event shows in the trace while exports are made, imported, revoked. The debug kernel does
# not hibernate.
if [ -e /dev/snapshot ]; then
	events=/sys/kernel/tracing/events/gpupt/enable
	echo 1 >"$events"
	refusal hibernation
	echo 0 >"$events"
	cat /sys/kernel/tracing/trace >/tmp/trace
	for line in 'gpupt_export: 0001:00:00.0 bar 2 flags [01x]* bytes 4096' \
		'gpupt_attach: 0001:00:00.0 importer 0101:00:00.0 result 0' \
		'gpupt_map: 0001:00:00.0 importer 0101:00:00.0 result 0' \
		'gpupt_revoke: 0001:00:00.0 ns [0-9]* in_time 1' \
		'gpupt_event: 0001:00:00.0 type 5 count 0' 'gpupt_event: 0001:00:00.0 type 2 count 1'; do
		grep -q "$line\$" /tmp/trace || miss "not traced: $line"
	done
else
	note "no hibernation in this kernel"
fi

echo hv_gpu_passthrough >"$pci_devices/0004:00:00.0/driver_override"
echo 0004:00:00.0 >/sys/bus/pci/drivers_probe
[ -e /dev/gpupt/0004:00:00.0 ] || fail "a function that may be bound is not"
echo 0004:00:00.0 >"$pci_devices/0004:00:00.0/driver/unbind"

# Locked down, which lasts: the debug kernel cannot be.
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null || :
if [ -e /sys/kernel/security/lockdown ]; then
	export LEVEL
	refusal lockdown
	grep -q "\[$LEVEL\]" /sys/kernel/security/lockdown || fail "not locked down"
	refusal locked-open
	echo 0004:00:00.0 >/sys/bus/pci/drivers_probe || :
	not_bound "by a kernel that is locked down"
else
	note "no lockdown in this kernel"
fi
result misses "$misses"
[ "$misses" = 0 ] || fail "$misses were not refused or not told"
run rmmod hv_gpu_passthrough
