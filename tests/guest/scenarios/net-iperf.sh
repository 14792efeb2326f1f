# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# TCP and UDP both ways, IPv4 and IPv6, offloads on and off, checksums verified by both ends.
#: cpus=1 deadline=240 peer=iperf3,counters
#: STREAM_SECONDS=1 CSUM=verify
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0;csum=@CSUM@

driver_load
nic=$nics
address "$nic"
own_before=$(own_csum_errors)
peer_before=$(peer_csum_errors)

# streams LABEL: the traffic of one setting of the offloads.
streams() {
	stream "$1_tcp4_out" -c "$peer4"
	stream "$1_tcp4_in" -c "$peer4" -R
	stream "$1_tcp6_out" -c "$peer6"
	stream "$1_tcp6_in" -c "$peer6" -R
	stream "$1_udp4_out" -c "$peer4" -u -b 20M -l 1400
	stream "$1_udp4_in" -c "$peer4" -u -b 20M -l 1400 -R
	same "bad checksums at the peer ($1)" "$peer_before" "$(peer_csum_errors)"
	same "bad checksums here ($1)" "$own_before" "$(own_csum_errors)"
}

snap before
streams default
# What the host coalesces has no checksum of its own, so lro goes before rx. virtio_net has neither
# under its control.
features='lro tso tx rx sg'
[ "$DRIVER" != virtio_net ] || features='tso tx sg'
for feature in $features; do
	offload "$nic" "$feature" off
done
streams off
for feature in $(echo "$features" | tr ' ' '\n' | tac); do
	offload "$nic" "$feature" on
done
stream on_tcp4_out -c "$peer4"
snap after
