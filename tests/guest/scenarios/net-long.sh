# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Frames far longer than a section: a host may lend several sections in a row for one frame.
#: cpus=1 deadline=60
#: --net @nic@,id=net1,queues=@CPUS@,backend=source:start=off
# Every range claims the sections behind it as well; the tenth frame of each hundred fills eleven of
# them, the eleventh is the longest there is, the twelfth one byte longer.
#fault: at netvsp.range on net1 always corrupt bytes 70000
#fault: at rndis.packet on net1 nth 10 corrupt data_bytes 20000
#fault: at rndis.packet on net1 nth 11 corrupt data_bytes 65549
#fault: at rndis.packet on net1 nth 12 corrupt data_bytes 65550
#fault: at rndis.packet on net1 nth 110 corrupt data_bytes 20000
#fault: at rndis.packet on net1 nth 111 corrupt data_bytes 65549
#fault: at rndis.packet on net1 nth 112 corrupt data_bytes 65550
# Behind the two hundreds: the tenth piece of the first packet that the host puts together.
#fault: at rndis.packet on net1 nth 210 corrupt data_bytes 42000

[ "$DRIVER" = hv_netvsc_accel ] || skip "the counters are those of hv_netvsc_accel"
driver_load
nic=$nics

value() {
	ethtool -S "$nic" | awk -v name="$1:" '$1 == name { print $2 }'
}

more_than() {
	[ "$(value "$1")" -gt "$2" ]
}

# hundred: a hundred frames, three of them long; one too long.
hundred() {
	packets=$(value rx_queue_0_packets) bytes=$(value rx_queue_0_bytes) long=$(value rx_too_long)
	host net1 source start "rate=max,count=100,size=60"
	eventually 10 "the frame that is too long" more_than rx_too_long "$long"
	eventually 10 "all others" more_than rx_queue_0_packets $((packets + 98))
	same "frames" $((packets + 99)) "$(value rx_queue_0_packets)"
	same "bytes" $((bytes + 97 * 60 + 20000 + 65549)) "$(value rx_queue_0_bytes)"
	same "too long" $((long + 1)) "$(value rx_too_long)"
}

echo 1 >"/proc/sys/net/ipv6/conf/$nic/disable_ipv6"
run ip link set "$nic" up
eventually 15 "carrier of $nic" grep -q 1 "/sys/class/net/$nic/carrier"
hundred
run xdp attach "$nic" drop frags
hundred
same "outside the receive buffer" 0 "$(value rx_outside)"

# A packet put together of pieces, each of which is short enough, is still no longer than IP allows.
# 18 segments, 26,334 bytes in all; the tenth piece of the first packet says 42,000: some 67,000.
run xdp detach "$nic"
run ethtool -K "$nic" lro on
together() {
	host net1 source start "rate=max,count=18,size=1514,flows=1,proto=tcp,rsc=on"
	eventually 10 "a packet put together, $1" more_than "$1" "$2"
}
together rx_too_long "$(value rx_too_long)"
same "packets put together and too long" 0 "$(value rx_queue_0_coalesced)"
packets=$(value rx_queue_0_packets) bytes=$(value rx_queue_0_bytes)
together rx_queue_0_coalesced 0
same "packets put together" $((packets + 1)) "$(value rx_queue_0_packets)"
same "bytes of it" $((bytes + 26334)) "$(value rx_queue_0_bytes)"
