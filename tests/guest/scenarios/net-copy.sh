# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Our driver with the copying reader that a confidential VM gets: pings and TCP both ways.
#: cpus=2 deadline=180 peer=iperf3,counters
#: STREAM_SECONDS=1
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

[ "$DRIVER" = hv_netvsc_accel ] || skip "$DRIVER has no copying reader of ours"
bus_up
run insmod "/usr/lib/modules/$(uname -r)/ours/hv_vmbus_accel.ko" copy_packets=1
same "copy_packets" Y "$(cat /sys/module/hv_vmbus_accel/parameters/copy_packets)"
driver_load
address "$nics"
echo_test
echo_test -s 20000
stream tcp4_out -c "$peer4"
stream tcp4_in -c "$peer4" -R
