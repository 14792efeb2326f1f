# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The host's send indirection table says which channel a flow leaves by: here all by the third.
#: cpus=4 deadline=150 peer=iperf3 CHANNEL=2
#: STREAM_SECONDS=1
#: --net netvsc,id=net0,queues=@CPUS@,send-table=@CHANNEL@,backend=tap:ifname=lab0

driver_load
address "$nics"
[ "$(channel_count "$nics")" -eq "$CPUS" ] || run ethtool -L "$nics" combined "$CPUS"
same "channels" "$CPUS" "$(channel_count "$nics")"
address "$nics"

# sent [CHANNEL]: packets the host has taken
sent() {
	tell "do net0 counters $*" || fail "counters $*: $answer"
	word tx_packets
}

all=$(sent)
named=$(sent "$CHANNEL")
stream tcp4_out -c "$peer4" -P 4
stream udp4_out -c "$peer4" -u -b 5M -P 4
all=$(($(sent) - all))
named=$(($(sent "$CHANNEL") - named))
result sent "$all"
result sent_as_named "$named"
at_least "packets sent" 200 "$all"
# What answers a received packet may leave by the channel that it came by.
at_least "percent of them by channel $CHANNEL" 90 $((named * 100 / all))
