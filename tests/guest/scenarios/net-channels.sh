# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# As many channels as processors open; the count and the rings change under traffic.
#: cpus=4 deadline=200 peer=iperf3,counters
#: STREAM_SECONDS=1
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

# combined NIC: the channels that ethtool says are in use.
combined() {
	ethtool -l "$1" | sed -n '/^Current/,$s/^Combined:[[:space:]]*//p'
}

driver_load
nic=$nics
address "$nic"
run ethtool -L "$nic" combined "$CPUS"
same "channels" "$CPUS" "$(combined "$nic")"
address "$nic"
result channels "$(channel_count "$nic")"
stream "all_tcp4_out" -c "$peer4" -P "$CPUS"
stream "all_tcp4_in" -c "$peer4" -P "$CPUS" -R
echo_test
if [ "$CPUS" -gt 1 ]; then
	for count in 1 $((CPUS / 2)) "$CPUS"; do
		run ethtool -L "$nic" combined "$count"
		same "channels" "$count" "$(combined "$nic")"
		address "$nic"
		echo_test
	done
	stream "again_tcp4_out" -c "$peer4" -P 4
fi
# The size of virtio's rings is the device's affair.
if [ "$DRIVER" != virtio_net ]; then
	run ethtool -G "$nic" rx 1024 tx 128
	address "$nic"
	echo_test
fi
result bad_checksums "$(peer_csum_errors)"
