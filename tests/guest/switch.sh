# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
#
# A NIC that is switched while somebody is logged in over it. Two NICs joined back to back:
#
#   here: $near 10.55.0.2, fd55::2, a shell on port 2222     far: $other 10.55.0.1, the one who logs in
#
# Sourced by the scenarios of hvaccel switch; needs report.sh and driver.sh.

far() {
	ip netns exec far "$@"
}

# join: both NICs up with hv_netvsc, in two namespaces; ours loaded and without a NIC.
join() {
	DRIVER=hv_netvsc
	driver_load 2
	insert_ours hv_netvsc_accel
	near=${nics%% *}
	other=${nics##* }
	near_device=$(device_of "$near")
	ip netns add far
	run ip link set "$other" netns far
	run far ip link set lo up
	run far ip link set "$other" up
	far ip addr replace 10.55.0.1/24 dev "$other"
	far ip addr replace fd55::1/64 dev "$other" nodad
	run ip link set lo up
	run ip link set "$near" up
	ip addr replace 10.55.0.2/24 dev "$near"
	ip addr replace fd55::2/64 dev "$near" nodad
	eventually 15 "the other NIC" ping -q -c 1 -W 1 10.55.0.1
}

# log_in: a shell here, held over the NIC; `remote` types into it.
log_in() {
	nc -ll -p 2222 -e /bin/sh &
	rm -f /tmp/typed
	mkfifo /tmp/typed
	# an earlier session's words would do for this one's
	: >/tmp/shown
	far nc 10.55.0.2 2222 </tmp/typed >>/tmp/shown 2>&1 &
	session=$!
	exec 7>/tmp/typed
	remote 'echo logged in'
	eventually 10 "the session" grep -q 'logged in' /tmp/shown
}

# remote TEXT: a line typed into the session
remote() {
	note "> $*"
	printf '%s\n' "$*" >&7
}

# hang_up: the one who logged in is gone, without a word
hang_up() {
	exec 7>&-
	kill -9 "$session"
}

shown() {
	eventually "$1" "'$2' in the session" grep -qF -- "$2" /tmp/shown
}

state_is() {
	read -r word _ <"/run/hvaccel/$near_device.state" 2>/dev/null && [ "$word" = "$1" ]
}

# ends_as SECONDS STATE: what becomes of the change
ends_as() {
	eventually_turns=$(($1 * 5))
	until state_is "$2"; do
		eventually_turns=$((eventually_turns - 1))
		[ "$eventually_turns" -gt 0 ] || {
			cat "/run/hvaccel/$near_device.log"
			fail "not $2 but $(cat "/run/hvaccel/$near_device.state"): $(tail -n 3 \
				"/run/hvaccel/$near_device.log" | tr '\n' ';')"
		}
		sleep 0.2
	done
	note "$2: $(tr '\n' ';' <"/run/hvaccel/$near_device.log")"
}

driven_by() {
	same "driver of $near" "$1" "$(basename "$(readlink "$vmbus_devices/$near_device/driver")")"
}

# facts: everything that a switch has to carry over, in one text without interface numbers
facts() {
	ip -o addr show dev "$near" | sed 's/^[0-9]*: //; s/valid_lft.*//' | grep -v 'inet6 fe80'
	ip route show
	ip -6 route show | grep -v fe80
	ip neigh show dev "$near" nud permanent
	ip neigh show proxy
	ip -d link show dev "$near" | grep -o ' mtu [0-9]* qdisc\|qlen [0-9]*\|alias .*\|link/ether [0-9a-f:]*'
	tc qdisc show dev "$near" | grep -v ' 0: ' | sed 's/refcnt.*//'
	for each in ipv4/conf/$near/rp_filter ipv6/conf/$near/accept_ra ipv4/neigh/$near/gc_stale_time; do
		cat "/proc/sys/net/$each"
	done
	ethtool -k "$near" | grep '^tcp-segmentation-offload'
	ethtool -l "$near" | tail -n 1
}
