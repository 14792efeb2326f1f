# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Coalesced frames in pieces some of which are shorter than any header: the stack gets none that begins
# with such a piece, and whole ones before and after.
#: cpus=1 deadline=120
#: --net netvsc,id=net0,queues=1,backend=source:start=off
#fault: at rndis.packet on net0 every 5 corrupt data_bytes 1

[ "$DRIVER" = hv_netvsc_accel ] || skip "counters of hv_netvsc_accel"

# reached STATISTIC COUNT, received COUNT
reached() {
	[ "$(ethtool -S "$nics" | sed -n "s/^ *$1: //p")" -ge "$2" ]
}

received() {
	[ "$(cat "/sys/class/net/$nics/statistics/rx_packets")" -ge "$1" ]
}

driver_load
offload "$nics" lro on
echo 1 >"/proc/sys/net/ipv6/conf/$nics/disable_ipv6"
run ip link set "$nics" up
eventually 15 "carrier of $nics" grep -q 1 "/sys/class/net/$nics/carrier"
# 45 segments make a frame of 64 KB, and that a number of pieces that is no multiple of five
host net0 source start "rate=max,count=20000,size=1514,flows=1,proto=tcp,rsc=on"
eventually 20 "frames that begin with a piece of one byte" reached rx_runt 20
eventually 20 "frames that do not" received 20
tell "do faults fired" || fail "faults: $answer"
at_least "pieces that were cut" 100 "${answer% *}"
