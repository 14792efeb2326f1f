# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034
# Two NICs, one under each driver, and each keeps to its own VF, also when both come back.
#: cpus=1 deadline=150 guest=modules
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --net netvsc,id=net1,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=31,delay=100
#: --vf virtio,id=vf1,nic=net1,serial=32,delay=100

# shellcheck disable=SC1091
. /lab/vf.sh

receives() {
	tell "do $1 state" && word_is path "$2"
}

same_address() {
	same "address of the VF of $1" "$(cat "/sys/class/net/$1/address")" \
		"$(cat "/sys/class/net/$(vf_of "$1")/address")"
}

# own_vfs: each NIC has the VF of its address, and it receives.
own_vfs() {
	for each in net0 net1; do
		eventually 30 "switch of $each to its VF" receives "$each" vf
	done
	same_address "$mine"
	same_address "$theirs"
	run ping -q -c 5 -i 0.01 -W 2 -I "$mine" 10.68.0.1
	run ping -q -c 5 -i 0.01 -W 2 -I "$theirs" 10.69.0.1
}

DRIVER=hv_netvsc
driver_load 2
theirs=${nics#* }
insert_ours hv_netvsc_accel
first=$(device_of "${nics% *}")
driver_give "$first" hv_netvsc_accel
mine=$(ls "$vmbus_devices/$first/net")
vf_drivers
run ip link set "$mine" up
run ip link set "$theirs" up
ip addr replace 10.68.0.2/24 dev "$mine"
ip addr replace 10.69.0.2/24 dev "$theirs"
own_vfs

host vf0 remove
eventually 30 "removal of our VF" has_no_vf "$mine"
host vf1 remove
eventually 30 "removal of their VF" has_no_vf "$theirs"
eventually 30 "removal of both buses" vpci_buses_are 0
host vf1 add
eventually 30 "their VF" has_vf "$theirs"
has_no_vf "$mine" || fail "$mine has taken the VF of $theirs"
host vf0 add
own_vfs

# The other one's driver goes and comes back: it finds the VF that is there.
driver_give "$first" hv_netvsc
mine=$(ls "$vmbus_devices/$first/net")
run ip link set "$mine" up
ip addr replace 10.68.0.2/24 dev "$mine"
own_vfs
driver_give "$first" hv_netvsc_accel
mine=$(ls "$vmbus_devices/$first/net")
run ip link set "$mine" up
ip addr replace 10.68.0.2/24 dev "$mine"
own_vfs
