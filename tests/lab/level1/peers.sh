# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
#
# What a guest's NICs talk to: the host side of each tap, and services on it.
#
#   labN: 10.55.N.1/24 and fd55:N::1/64; the guest takes .2 and ::2, or what DHCP gives
#   iperf3     servers on ports 5201 to 5204
#   udhcpd     DHCP on each tap, 10.55.N.100 to .150
#   content    port 7002 answers 2,000,000 bytes with their digest, port 7003 says numbers, port 7004
#              reads a line with a number and says that many bytes of numbers
#   counters   port 7001 answers with /proc/net/snmp and snmp6: what this side saw go wrong
#
# hvlab makes the taps when it starts, so everything here waits for them and starts beside it.

peers_pids=''

# peers_background COMMAND...: starts it, to be ended by peers_stop.
peers_background() {
	"$@" &
	peers_pids="$peers_pids $!"
}

peers_start() {
	for tap in $taps; do
		peers_background peers_tap "$tap"
	done
	for peer in $peers; do
		case $peer in
		iperf3)
			for iperf_port in 5201 5202 5203 5204; do
				peers_background iperf3 -s -p "$iperf_port"
			done
			;;
		counters)
			printf '#!/bin/sh\ncat /proc/net/snmp /proc/net/snmp6\n' >counters
			chmod +x counters
			peers_background busybox nc -ll -p 7001 -e "$PWD/counters"
			;;
		content)
			printf '#!/bin/sh\nhead -c 2000000 | sha256sum\n' >digest
			printf '#!/bin/sh\nseq 300000\n' >numbers
			printf '#!/bin/sh\nread -r n\nseq 3000000 | head -c "%sn" | dd obs=65536\n' '$' >some
			chmod +x digest numbers some
			peers_background busybox nc -ll -p 7002 -e "$PWD/digest"
			peers_background busybox nc -ll -p 7003 -e "$PWD/numbers"
			peers_background busybox nc -ll -p 7004 -e "$PWD/some"
			;;
		udhcpd) ;;
		*) echo "unknown peer $peer" ;;
		esac
	done
}

# peers_tap NAME: addresses as soon as hvlab has made it.
peers_tap() {
	number=${1#lab}
	for turn in $(seq 300); do
		[ ! -e "/sys/class/net/$1" ] || break
		sleep 0.1
	done
	[ -e "/sys/class/net/$1" ] || {
		echo "$1 did not appear in $turn turns"
		return
	}
	ip addr add "10.55.$number.1/24" dev "$1"
	ip addr add "fd55:$number::1/64" dev "$1" nodad
	ip link set "$1" mtu "${tap_mtu:-1500}" up
	case " $peers " in
	*' udhcpd '*) peers_dhcp "$1" "$number" ;;
	esac
}

peers_dhcp() {
	cat >"udhcpd-$1.conf" <<-EOF
	interface $1
	start 10.55.$2.100
	end 10.55.$2.150
	lease_file $PWD/leases-$1
	option subnet 255.255.255.0
	option router 10.55.$2.1
	option lease 600
	EOF
	: >"leases-$1"
	exec busybox udhcpd -f "udhcpd-$1.conf"
}

peers_stop() {
	# shellcheck disable=SC2086
	[ -z "$peers_pids" ] || kill $peers_pids 2>/dev/null
}
