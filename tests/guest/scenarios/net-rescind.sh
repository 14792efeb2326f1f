# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The host revokes the NIC and offers it again: when it is down, has no link, and amid traffic.
#: cpus=1 deadline=150 peer=iperf3
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

driver_load
address "$nics"
echo_test
# hv_netvsc waits for every outstanding send when its NIC goes, but hv_vmbus has taken away the
# callback that would see the completions: one packet sent while the rescind is under way, and it
# waits for ever, holding the bus's work queue. So that turn is for drivers that bound the wait.
turns='down disconnected amid_traffic'
[ "$DRIVER" != hv_netvsc ] || turns='down disconnected'
for turn in $turns; do
	pid=''
	if [ "$turn" = down ]; then
		run ip link set "$nics" down
	else
		iperf3 -c "$peer4" -t 20 >/dev/null 2>&1 </dev/null &
		pid=$!
		sleep 1
	fi
	if [ "$turn" = disconnected ]; then
		host net0 link down
		eventually 10 "carrier loss" grep -q 0 "/sys/class/net/$nics/carrier"
		sleep 0.5
	fi
	host net0 rescind
	eventually 20 "removal of the device ($turn)" vmbus_nics_are 0
	# The device's attributes go before its driver lets go of the interface.
	eventually 20 "removal of $nics ($turn)" test ! -e "/sys/class/net/$nics"
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	host net0 reoffer
	driver_load
	[ "$turn" != disconnected ] || host net0 link up
	address "$nics"
	echo_test
	result "$turn" ok
done
