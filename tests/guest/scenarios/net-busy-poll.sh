# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# A socket that polls its NIC by itself goes on doing so while the channels close and open, and the host
# takes its time to map their rings: nobody polls a ring that is not there, and traffic goes on.
#: cpus=2 deadline=120 guest=bench
#: SIZE=200 RATE=2000
#: --net @nic@,id=net0,queues=@CPUS@,backend=echo
#fault: at vmbus.gpadl_created on net0 delay 50ms

# shellcheck disable=SC1091
. /lab/numbered.sh

# openings: sessions end and begin, and with each a while in which there is no ring.
openings() {
	for mtu in 1400 1500 1400 1500; do
		sleep 0.3
		run ip link set "$nics" mtu "$mtu"
	done
	run ethtool -L "$nics" combined 1
	run ethtool -L "$nics" combined 2
	eventually 10 "carrier of $nics" grep -q 1 "/sys/class/net/$nics/carrier"
	sleep 0.5
}

# polled: packets that sockets found by polling for themselves.
polled() {
	awk '$1 == "TcpExt:" { for (i = 2; i <= NF; i++) { if ($2 ~ /[0-9]/) { if (name[i] == "BusyPollRxPackets") print $i } else name[i] = $i } }' \
		/proc/net/netstat
}

driver_load
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
eventually 20 "an echo" ping -q -c 1 -W 1 10.68.0.1
# of sockets made from now on: a tenth of a second for each wait
echo 100000 >/proc/sys/net/core/busy_read
echo 100000 >/proc/sys/net/core/busy_poll
before=$(polled)
numbered openings openings
at_least "packets that a socket polled for" $((before + 50)) "$(polled)"
at_least "datagrams that came back" 200 $(($(number sent) - $(number lost)))
numbered afterwards sleep 0.5
at_least "datagrams that came back afterwards" 100 $(($(number sent) - $(number lost)))
