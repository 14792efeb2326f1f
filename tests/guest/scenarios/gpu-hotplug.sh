# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Functions come and go, an administrator has a say: topology and XML follow, and udev is told.
#: cpus=2 deadline=180 guest=gpu guest=modules
#: --numa 2
#: --pci gpu,id=gpu0,domain=1,serial=1,numa=0
#: --pci gpu,id=gpu1,domain=2,serial=2,numa=1
#: --pci rdma,id=ib0,domain=0x101,serial=3,numa=0
#: --pci rdma,id=ib1,domain=0x102,serial=4,numa=1,offer=manual

# shellcheck disable=SC1091
. /lab/gpu.sh

group_is() {
	[ "$(of "$1" group)" = "$2" ]
}

xml_has() {
	grep -q "busid=\"$1\"" "$gpupt/nccl_topo.xml"
}

xml_has_not() {
	! xml_has "$1"
}

# told EVENT...: change events of PCI functions that were heard of since the last time.
told() {
	for event in "$@"; do
		tr '\0' '\n' </tmp/uevents | grep -q "^GPUPT_EVENT=$event$" || return 1
	done
}

hear() {
	: >/tmp/uevents
}

gpu_up
insert_ours lab_dma # a driver for the NICs
/lab/programs/uevents /tmp/uevents &
eventually 5 "the listener" test -e /tmp/uevents

same "group of the first GPU" 0 "$(of 0001:00:00.0 group)"
same "group of its NIC" 0 "$(of 0101:00:00.0 group)"
same "confidence" exact "$(of 0001:00:00.0 confidence)"
same "group of the GPU without a NIC" none "$(of 0002:00:00.0 group)"
same "its confidence" none "$(of 0002:00:00.0 confidence)"

# A NIC comes: its GPU is in a group now.
hear
host ib1 add
eventually 30 "the second group" group_is 0002:00:00.0 1
eventually 10 "the NIC in the XML" xml_has 0102:00:00.0
eventually 10 "a change event" told topology
same "group of the new NIC" 1 "$(of 0102:00:00.0 group)"

# Ejected, and it is out again.
hear
host ib1 remove
eventually 30 "no group any more" group_is 0002:00:00.0 none
eventually 10 "the NIC out of the XML" xml_has_not 0102:00:00.0
eventually 10 "events" told quiesce removed topology

# Rescinded and pulled: the same.
for way in rescind 'rescind abrupt'; do
	host ib1 add
	eventually 30 "the second group" group_is 0002:00:00.0 1
	# shellcheck disable=SC2086
	host ib1 $way
	eventually 30 "no group after $way" group_is 0002:00:00.0 none
done

# The administrator knows better.
hear
echo 7 >"$gpupt/devices/0002:00:00.0/group"
group_is 0002:00:00.0 7 || fail "override is not shown"
same "confidence of an override" admin "$(of 0002:00:00.0 confidence)"
eventually 10 "a change event" told topology
grep -q 'busid="ffff:ff:00.7"' "$gpupt/nccl_topo.xml" || fail "override is not in the XML"
for wrong in 256 -1 x ''; do
	! echo "$wrong" >"$gpupt/devices/0002:00:00.0/group" 2>/dev/null ||
		fail "group takes '$wrong'"
done
echo none >"$gpupt/devices/0001:00:00.0/group"
group_is 0001:00:00.0 none || fail "none is not shown"
echo auto >"$gpupt/devices/0001:00:00.0/group"
echo auto >"$gpupt/devices/0002:00:00.0/group"
group_is 0001:00:00.0 0 || fail "auto is not taken back"

# NUMA node corrected by hand: another group.
echo 0 >"$pci_devices/0002:00:00.0/numa_node"
dmesg -c >/dev/null # the kernel's own warning about that
group_is 0002:00:00.0 0 || fail "both GPUs are on one node with one NIC now: $(cat "$gpupt/topology")"
same "confidence of other counts" heuristic "$(of 0002:00:00.0 confidence)"

# Unloading leaves nothing, loading finds everything again.
run rmmod hv_gpu_passthrough
[ ! -e "$gpupt" ] || fail "$gpupt is still there"
insert_ours hv_gpu_passthrough
eventually 10 "functions" gpu_functions_are 3
