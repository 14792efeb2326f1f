# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153
# TCP and UDP throughput both ways, one driver after the other in the same guest.
#: cpus=2 deadline=180 peer=iperf3
#: DRIVERS=hv_netvsc,hv_netvsc_accel STREAM_SECONDS=3
#: --net netvsc,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
	driver_load
	address "$nics"
	echo_test
	stream "$DRIVER.tcp_out" -c "$peer4"
	stream "$DRIVER.tcp_in" -c "$peer4" -R
	stream "$DRIVER.udp_out" -c "$peer4" -u -b 50M -l 1400
	stream "$DRIVER.udp_in" -c "$peer4" -u -b 50M -l 1400 -R
	driver_unload
done
