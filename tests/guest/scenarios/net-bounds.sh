# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153
# Bounds of the receive path: a host with few receive sections gets them back in time, and a frame that
# is longer than any may be is dropped as such. Counted mode only: time is part of it.
#: cpus=1 deadline=120
#: --io-rate 1000000
#: --net netvsc,id=net0,queues=1,backend=source:start=off
#: --net netvsc,id=net1,queues=1,backend=source:start=off
#fault: at netvsp.range on net1 corrupt bytes 0x20000
#fault: at rndis.packet on net1 nth 100 corrupt data_bytes 0x11000

[ "$DRIVER" = hv_netvsc_accel ] || skip "bounds of hv_netvsc_accel"

# received NIC COUNT: so many packets came.
received() {
	[ "$(cat "/sys/class/net/$1/statistics/rx_packets")" -ge "$2" ]
}

# statistic NIC NAME
statistic() {
	ethtool -S "$1" | sed -n "s/^ *$2: //p"
}

driver_load 2
few=${nics% *}
long=${nics#* }
for nic in $nics; do
	echo 1 >"/proc/sys/net/ipv6/conf/$nic/disable_ipv6"
	run ip link set "$nic" up
	eventually 15 "carrier of $nic" grep -q 1 "/sys/class/net/$nic/carrier"
done

# A channel returns eight sections of these without a doorbell. If it kept back more, the host would
# get all of them back by a timer only, every 10 ms: three seconds for all packets.
run ethtool -G "$few" rx 64
eventually 15 "carrier of $few" grep -q 1 "/sys/class/net/$few/carrier"
host net0 source start rate=max,count=20000,size=60
eventually 1 "20000 packets through 64 sections" received "$few" 20000

host net1 source start rate=max,count=200,size=60
eventually 5 "199 packets of 200" received "$long" 199
same "too long" 1 "$(statistic "$long" rx_too_long)"
same "for want of memory" 0 "$(statistic "$long" rx_queue_0_no_memory)"
same "packets" 199 "$(cat "/sys/class/net/$long/statistics/rx_packets")"
