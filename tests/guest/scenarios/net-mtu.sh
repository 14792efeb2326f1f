# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# MTU changes up and down under an address; packets of each size pass unfragmented.
#: cpus=1 deadline=240 mtu=9000
#: --net @nic@,id=net0,queues=@CPUS@,mtu=9000,backend=tap:ifname=lab0

driver_load
nic=$nics
address "$nic"
for mtu in 1500 9000 1280 4000 1500; do
	run ip link set "$nic" mtu "$mtu"
	same "mtu of $nic" "$mtu" "$(cat "/sys/class/net/$nic/mtu")"
	address "$nic"
	# 20 bytes of IPv4 and 8 of ICMP around the payload.
	run ping -q -c 5 -i 0.01 -W 2 -M 'do' -s $((mtu - 28)) "$peer4"
	refuse ping -q -c 1 -W 1 -M 'do' -s $((mtu - 27)) "$peer4"
	run ping -q -c 3 -i 0.01 -W 2 -M 'do' -s $((mtu - 48)) "$peer6"
done
# The watchdog looks at all queues, those without a channel too; five seconds are its patience.
sleep 6
run ping -q -c 3 -i 0.01 -W 2 "$peer4"
same "lines of the watchdog" 0 "$(dmesg | grep -c "NETDEV WATCHDOG")"
