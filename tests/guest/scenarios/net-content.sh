# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# What is sent arrives as it was, byte by byte: TCP both ways, offloads on and off. Checksums that the
# NIC completes do not tell: they are made of what the driver copied.
#: cpus=2 deadline=120 peer=content
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

# digest: of standard input, without a name.
digest() {
	sha256sum | cut -d ' ' -f 1
}

# both_ways WHAT
both_ways() {
	same "digest of what was sent, $1" "$sent" \
		"$(busybox nc "$peer4" 7002 </tmp/sent | cut -d ' ' -f 1)"
	same "digest of what was received, $1" "$numbers" \
		"$(busybox nc "$peer4" 7003 </dev/null | digest)"
}

driver_load
address "$nics"
head -c 2000000 /dev/urandom >/tmp/sent
sent=$(digest </tmp/sent)
numbers=$(seq 300000 | digest)
both_ways "as it comes"
# segments of an ordinary MTU, each of several pieces of memory
for feature in lro tso gso; do
	[ "$DRIVER" != virtio_net ] || [ $feature != lro ] || continue
	offload "$nics" $feature off
	both_ways "$feature off"
done
offload "$nics" gro off
both_ways "gro off"
run ip link set "$nics" mtu 600
both_ways "MTU 600"
