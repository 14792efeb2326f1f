# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Name, receive filters, network namespaces, RSS that stays as it was set, and netconsole.
#: cpus=2 deadline=120
#: --net @nic@,id=net0,name=first,queues=@CPUS@,backend=echo

# filter_is BITS: what the host lets through: 1 directed, 4 all multicast, 8 broadcast, 0x20 everything.
filter_is() {
	tell "do net0 state" && word_is filter "$1"
}

sent() {
	tell "do net0 counters" || fail "counters: $answer"
	word tx_packets
}

more_sent() {
	[ "$(sent)" -ge "$1" ]
}

# rss: key and table as ethtool prints them, without the names of channels.
rss() {
	ethtool -x "$nics" | grep -E '^ *[0-9]+:|^([0-9a-f]{2}:)+' | tr -s ' \t\n' '   '
}

echoes() {
	"$@" ping -q -c 1 -W 1 10.68.0.1
}

driver_load
same "the host's name for it" first "$(cat "/sys/class/net/$nics/ifalias")"
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
eventually 20 "an echo" echoes

run ip link set "$nics" multicast on
run ip link set "$nics" promisc on
eventually 5 "everything let through" filter_is 0x20
run ip link set "$nics" promisc off
eventually 5 "not everything" filter_is 0xd
run ip link set "$nics" allmulticast on
eventually 5 "all multicast" filter_is 0xd
run ip link set "$nics" down
eventually 5 "nothing" filter_is 0
run ip link set "$nics" allmulticast off
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
eventually 10 "an echo" echoes

# Another network namespace, and back.
run ip netns add far
run ip link set "$nics" netns far
run ip netns exec far ip link set "$nics" up
run ip netns exec far ip addr replace 10.68.0.2/16 dev "$nics"
eventually 10 "an echo in the other namespace" echoes ip netns exec far
run ip netns exec far ip link set "$nics" netns 1
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
eventually 10 "an echo back here" echoes

# Key and table are the user's until another is set, whatever becomes of the session.
key=$(printf '%02x:' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 \
	32 33 34 35 36 37 38 39 40)
run ethtool -X "$nics" hkey "${key%:}" weight 3 1
before=$(rss)
echo "$before" | grep -q "${key%:}" || fail "not the key that was set: $before"
run ip link set "$nics" mtu 1400
same "key and table after a change of MTU" "$before" "$(rss)"
run ethtool -G "$nics" rx 1000
same "key and table after a change of rings" "$before" "$(rss)"
refuse ethtool -L "$nics" combined 1
run ethtool -X "$nics" default
spread=$(rss)
[ "$spread" != "$before" ] || fail "the table is not the default one: $spread"
run ethtool -L "$nics" combined 1
eventually 10 "an echo on one channel" echoes
run ethtool -L "$nics" combined 2
same "key and table after one channel" "$spread" "$(rss)"
rss | grep -q "${key%:}" || fail "not the key that was set after one channel: $(rss)"
result rss "$(rss)"

# netconsole sends from where the kernel prints, with interrupts off.
peer=$(ip neigh show 10.68.0.1 | sed -n 's/.*lladdr \([0-9a-f:]*\).*/\1/p')
run modprobe netconsole "netconsole=6665@10.68.0.2/$nics,6666@10.68.0.1/$peer"
dmesg -n 8
before=$(sent)
for line in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
	echo "<1>netconsole line $line" >/dev/kmsg
done
eventually 10 "lines of netconsole at the host" more_sent $((before + 20))
run rmmod netconsole
eventually 10 "an echo in the end" echoes
driver_unload
