# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The host revokes the NIC and offers it again, idle and under traffic.
#: cpus=1 deadline=90 peer=iperf3
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

driver_load
address "$nics"
echo_test
for turn in idle busy; do
	pid=''
	if [ "$turn" = busy ]; then
		iperf3 -c "$peer4" -t 20 >/dev/null 2>&1 </dev/null &
		pid=$!
		sleep 1
	fi
	host net0 rescind
	eventually 20 "removal of the device ($turn)" vmbus_nics_are 0
	# The device's attributes go before its driver lets go of the interface.
	eventually 20 "removal of $nics ($turn)" test ! -e "/sys/class/net/$nics"
	[ -z "$pid" ] || kill "$pid" 2>/dev/null || :
	host net0 reoffer
	driver_load
	address "$nics"
	echo_test
done
