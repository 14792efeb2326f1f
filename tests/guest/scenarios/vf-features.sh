# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153,SC2034
# A VF that can do less than the NIC, whose features change while packets go over it: none goes out unfinished.
#: cpus=1 deadline=150 guest=modules guest=bench
#: RATE=500 SIZE=400
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=14,delay=100,csum=off

# shellcheck disable=SC1091
. /lab/vf.sh
# shellcheck disable=SC1091
. /lab/numbered.sh

# feature NAME: on or off.
feature() {
	ethtool -k "$nics" | sed -n "s/^$1: \([a-z]*\).*/\1/p"
}

# intact WHAT: datagrams and a stream arrive over the VF, and the host found nothing to complain of.
intact() {
	moves_over vf0 numbered "$1" sleep 1
	same "lost with $1" 0 "$(number lost)"
	tell "do vf0 counters" || fail "counters of vf0: $answer"
	same "malformed frames with $1" 0 "$(word tx_malformed)"
}

driver_load
vf_drivers
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
vf_up "$nics"
eventually 20 "an echo" ping -q -c 1 -W 1 10.68.0.1
same "checksums by the NIC" on "$(feature tx-checksumming)"
intact both_on

run ip link set "$vf" down
eventually 20 "the synthetic path" path_is synthetic
run ethtool -K "$nics" tx off sg off gso off
same "checksums by the NIC" off "$(feature tx-checksumming)"
run ip link set "$vf" up
eventually 20 "the VF" path_is vf
intact nic_off

# The path stays where it is, and from now on packets come with their checksums open.
run ethtool -K "$nics" tx on sg on gso on
same "checksums by the NIC" on "$(feature tx-checksumming)"
intact nic_on_again
result vf "$(ethtool -k "$vf" | grep -c 'tx-checksum.*: on')"
