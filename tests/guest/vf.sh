# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# The VF of a NIC: a virtio-net function behind vPCI. Sourced by the scenarios that have one; needs
# report.sh and driver.sh. In the lab the NIC is net0 and the VF is vf0.

pci_class='{44c4f61d-4444-4400-9d52-802e27ede19f}'

# vf_drivers: what a VF needs; pci-hyperv is built into 7.x. hv_netvsc wants an interface whose parent
# is a PCI function, which virtio_net's is not: see tests/guest/modules/vf_parent.c.
vf_drivers() {
	bus_up
	modprobe pci-hyperv 2>/dev/null || :
	eventually 10 "pci-hyperv" test -d /sys/bus/vmbus/drivers/hv_pci
	insert_ours vf_parent
	modprobe virtio_pci 2>/dev/null || :
	run modprobe virtio_net
}

# stand_in SERIAL: the function of that slot is for tests/guest/modules/vf_locked.c, not for virtio_net.
stand_in() {
	bus_up
	modprobe pci-hyperv 2>/dev/null || :
	eventually 20 "a function" test -e "/sys/bus/pci/slots/$1"
	function=$(cat "/sys/bus/pci/slots/$1/address").0
	# The bus driver of virtio may be part of the kernel, and has it then.
	echo vf_locked >"/sys/bus/pci/devices/$function/driver_override"
	[ ! -e "/sys/bus/pci/devices/$function/driver" ] ||
		echo "$function" >"/sys/bus/pci/devices/$function/driver/unbind"
}

# insert [PARAMETER...]: the driver of that stand-in, which is told the NIC's address; sets $vf.
insert() {
	run insmod "/usr/lib/modules/$(uname -r)/ours/vf_locked.ko" \
		"mac=$(cat "/sys/class/net/$nics/address")" "$@"
	vf_up "$nics"
	eventually 10 "$vf up" grep -q 1 "/sys/class/net/$vf/carrier"
}

# vpci_buses: the synthetic PCI buses on VMBus, one a line.
vpci_buses() {
	for device in "$vmbus_devices"/*; do
		[ "$(cat "$device/class_id" 2>/dev/null)" != "$pci_class" ] || echo "${device##*/}"
	done
}

vpci_buses_are() {
	[ "$(vpci_buses | grep -c .)" -eq "$1" ]
}

# vf_of NIC: its VF's interface, empty when it has none.
vf_of() {
	for lower in "/sys/class/net/$1"/lower_*; do
		[ ! -e "$lower" ] || echo "${lower##*/lower_}"
	done
}

has_vf() {
	[ -n "$(vf_of "$1")" ]
}

has_no_vf() {
	! has_vf "$1"
}

# path_is vf|synthetic: which of the two receives, as the lab has it.
path_is() {
	tell "do net0 state" && word_is path "$1"
}

# vf_up NIC: waits for its VF and the switch of the data path; sets $vf.
vf_up() {
	eventually 30 "a VF of $1" has_vf "$1"
	vf=$(vf_of "$1")
	eventually 20 "switch of the data path to $vf" path_is vf
}

# vf_gone NIC: waits until it is without.
vf_gone() {
	eventually 30 "removal of the VF of $1" has_no_vf "$1"
	eventually 20 "switch of the data path back" path_is synthetic
}

# packets OBJECT: sent and received over that path so far, into $tx and $rx.
packets() {
	tell "do $1 counters" || fail "counters of $1: $answer"
	tx=$(word tx_packets)
	rx=$(word rx_packets)
}

# moves_over OBJECT COMMAND...: a step whose packets take that path, both ways, and not the other.
moves_over() {
	over=$1 other=vf0
	[ "$over" != vf0 ] || other=net0
	shift
	packets "$over"
	over_tx=$tx over_rx=$rx
	packets "$other"
	other_tx=$tx other_rx=$rx
	"$@"
	packets "$over"
	at_least "packets sent over $over" $((over_tx + 10)) "$tx"
	at_least "packets received over $over" $((over_rx + 10)) "$rx"
	packets "$other"
	# A neighbour's message or two may take the other way, a stream may not.
	[ $((tx - other_tx)) -le 5 ] || fail "$((tx - other_tx)) packets were sent over $other"
	[ $((rx - other_rx)) -le 5 ] || fail "$((rx - other_rx)) packets were received over $other"
}

# vf_stats: reads what ours counts of the VF; stat NAME: one of them.
vf_stats() {
	ethtool -S "$nics" >/tmp/stats || fail "ethtool -S $nics"
}

stat() {
	awk -v name="$1:" '$1 == name { print $2; found = 1 } END { exit !found }' /tmp/stats ||
		fail "no counter $1"
}
