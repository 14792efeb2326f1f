# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Two functions behind vPCI that are nobody's VF: each on a domain and a NUMA node of its own.
#: cpus=2 deadline=120 peer=iperf3
#: --numa 2
#: --vpci virtio-net,id=one,serial=11,domain=0x11,numa=1,backend=tap:ifname=lab0
#: --vpci virtio-net,id=two,serial=12,domain=0x12,numa=0,queues=2,backend=echo

# shellcheck disable=SC1091
. /lab/vf.sh

interface_of() {
	ls "/sys/bus/pci/devices/$1/"virtio*/net 2>/dev/null
}

bus_up
modprobe pci-hyperv 2>/dev/null || :
modprobe virtio_pci 2>/dev/null || :
run modprobe virtio_net
eventually 20 "both functions" sh -c 'ls /sys/bus/pci/devices/0011:00:00.0/virtio*/net &&
	ls /sys/bus/pci/devices/0012:00:00.0/virtio*/net'
same "node of the first" 1 "$(cat /sys/bus/pci/devices/0011:00:00.0/numa_node)"
same "node of the second" 0 "$(cat /sys/bus/pci/devices/0012:00:00.0/numa_node)"
same "slot of the first" 0011:00:00 "$(cat /sys/bus/pci/slots/11/address)"
same "slot of the second" 0012:00:00 "$(cat /sys/bus/pci/slots/12/address)"
one=$(interface_of 0011:00:00.0)
two=$(interface_of 0012:00:00.0)
address "$one"
echo_test
stream tcp4 -c "$peer4"
run ip addr add 10.68.2.1/24 dev "$two"
run ip link set "$two" up
eventually 10 "an echo" ping -q -c 1 -W 1 10.68.2.9
# One goes, the other does not notice.
host two remove
eventually 20 "removal of the second" vpci_buses_are 1
echo_test
host two add
eventually 20 "the second" test -e /sys/bus/pci/devices/0012:00:00.0/driver
host one rescind
host two rescind
eventually 20 "removal of both" vpci_buses_are 0
