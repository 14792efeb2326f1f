# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Zero copy on receive: what arrives is what was sent, a reader that does not read stops nobody, and
# what a socket holds survives whatever becomes of the NIC.
#: cpus=2 deadline=400 peer=content mtu=9000
#: --net netvsc,id=net0,queues=@CPUS@,mtu=9000,backend=tap:ifname=lab0

[ "$DRIVER" = hv_netvsc_accel ] || skip "a feature of hv_netvsc_accel"

# digest: of standard input, without a name.
digest() {
	sha256sum | cut -d ' ' -f 1
}

# zero_copy on|off
zero_copy() {
	run ethtool --set-priv-flags "$nics" rx-zero-copy "$1"
	same "rx-zero-copy" "$1" "$(ethtool --show-priv-flags "$nics" | sed -n 's/^rx-zero-copy *: //p')"
}

# counter NAME: sum over the queues.
counter() {
	ethtool -S "$nics" | awk -v name="$1" '$1 ~ "^rx_queue_[0-9]+_" name ":$" { sum += $2 } END { print sum + 0 }'
}

counter_is() {
	[ "$(counter "$1")" -eq "$2" ]
}

# numbers: what the peer says on port 7003, intact.
numbers() {
	same "digest of the numbers, $1" "$numbers" "$(busybox nc "$2" 7003 </dev/null | digest)"
}

# some BYTES: what the peer says on port 7004.
some() {
	same "digest of $1 bytes" "$(seq 3000000 | head -c "$1" | digest)" \
		"$(echo "$1" | busybox nc "$peer4" 7004 | digest)"
}

# queued: bytes that TCP sockets hold unread, for connections to port 7003 (1B5B).
queued() {
	awk '$3 ~ /:1B5B$/ { split($5, queue, ":"); print queue[2] }' /proc/net/tcp |
		while read -r hex; do echo $((0x$hex)); done | sort -n | tail -n 1
}

queued_all() {
	[ "$(queued)" -ge 1800000 ]
}

# hold: somebody asks for the numbers and does not read them. What does not fit into a pipe stays in
# its socket; that one says nothing, but does not close either, or it would be listed no more.
hold() {
	rm -f /tmp/go /tmp/held /tmp/silent
	mkfifo /tmp/go /tmp/silent
	busybox nc "$peer4" 7003 <>/tmp/silent | {
		read -r go </tmp/go
		cat >/tmp/held
		echo "$go" >>/tmp/go.done
	} &
	reader=$!
	eventually 20 "1,800,000 bytes in a socket" queued_all
}

# release WHAT: now they are read.
release() {
	echo go >/tmp/go
	wait "$reader"
	same "digest of what was held, $1" "$numbers" "$(digest </tmp/held)"
}

# disturb: other traffic through whatever memory the NIC has now.
disturb() {
	address "$nics"
	for turn in 1 2 3; do
		numbers "turn $turn beside one that is held" "$peer4"
	done
}

# in_use: packets of the NIC are held by a socket.
in_use() {
	at_least "sections kept while a socket holds the numbers" 1 "$(counter zero_copy_held)"
}

driver_load
address "$nics"
numbers=$(seq 300000 | digest)
# large windows, so that what is not read has come nevertheless
run sysctl -w net.ipv4.tcp_rmem='4096 8388608 16777216'
run ethtool -K "$nics" lro on

same "rx-zero-copy, unasked" off "$(ethtool --show-priv-flags "$nics" | sed -n 's/^rx-zero-copy *: //p')"
numbers "zero copy off" "$peer4"
same "frames that stayed, zero copy off" 0 "$(counter zero_copy)"

zero_copy on
address "$nics"
numbers "IPv4" "$peer4"
numbers "IPv6" "$peer6"
at_least "frames that stayed" 30 "$(counter zero_copy)"
at_least "bytes that stayed" 1000000 "$(counter zero_copy_bytes)"
for bytes in 1 100 1447 1448 1449 1633 1634 1635 1700 2700 4096 10000 16384 27791 27792 27793 32768 65482 65483 \
	65535 65536 131072 300001 1000000 4999999; do
	some "$bytes"
done
same "frames dropped" 0 "$(counter no_memory)"
eventually 4 "all sections are given back, also without traffic" counter_is zero_copy_held 0

# MTU 9000: sections of several pages, and a program takes nothing that is not copied
run ip link set "$nics" mtu 9000
address "$nics"
before=$(counter zero_copy)
some 4999999
after=$(counter zero_copy)
at_least "long frames that stayed" 50 $((after - before))
run xdp attach "$nics" pass frags
seen=$(counter xdp_pass)
some 4999999
at_least "frames that the program saw" 500 $(($(counter xdp_pass) - seen))
same "frames that stayed beside a program" "$after" "$(counter zero_copy)"
run xdp detach "$nics"
run ip link set "$nics" mtu 1500
run ethtool -K "$nics" lro on
address "$nics"

# A reader that does not read: half of the sections are the host's whatever happens.
run ethtool -L "$nics" combined 1
run ethtool -G "$nics" rx 1024
sections=$(ethtool -g "$nics" | awk '/^Current/ { now = 1 } now && /^RX:/ { print $2 }')
address "$nics"
hold
in_use
at_least "packets copied because of the bound" 1 "$(counter zero_copy_bound)"
at_least "sections in use or fewer" "$(counter zero_copy_held)" $((sections / 2))
result sections "$sections"
result held "$(counter zero_copy_held)"
disturb
run ping -q -c 5 -i 0.01 -W 2 "$peer4"
release "half of the sections in use"
eventually 4 "all sections are given back, also without traffic" counter_is zero_copy_held 0
run ethtool -G "$nics" rx 4000
address "$nics"

# What becomes of the NIC is nothing to a socket.
hold
in_use
run ip link set "$nics" mtu 1400
disturb
release "another MTU"
hold
in_use
zero_copy off
disturb
release "zero copy off again"
before=$(counter zero_copy)
numbers "zero copy off again" "$peer4"
same "frames that stayed, off again" "$before" "$(counter zero_copy)"

zero_copy on
address "$nics"
hold
in_use
host net0 rescind
eventually 20 "removal of the device" vmbus_nics_are 0
eventually 20 "removal of $nics" test ! -e "/sys/class/net/$nics"
host net0 reoffer
driver_load
disturb
release "the host revoked the NIC"

zero_copy on
address "$nics"
hold
in_use
device=$(device_of "$nics")
echo "$device" >"$vmbus_devices/$device/driver/unbind" || fail "unbind"
driver_unload
# memory that is used anew
run dd if=/dev/zero of=/tmp/churn bs=1M count=64
rm /tmp/churn
release "unbound, unloaded"

# Where packets are copied out of the ring first there is none.
insert_ours hv_vmbus_accel copy_packets=Y
driver_load
address "$nics"
refuse ethtool --set-priv-flags "$nics" rx-zero-copy on
numbers "refused" "$peer4"
same "frames that stayed, refused" 0 "$(counter zero_copy)"

# what is told of segments is what the stack expects of them
same "complaints of TCP about segments" 0 "$(dmesg | grep -c 'suspect GRO' || :)"
