# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2034
#
# What a packet costs: phases of traffic between two snapshots of the lab's statistics, read by
# tests/bench/rows.jq. A scenario sources it; needs report.sh and driver.sh.
#
# A phase leaves the snapshots DRIVER/PHASE.begin and .end, and a result DRIVER/PHASE, an object:
#   label      what the phase is, for people
#   nic        the lab's object whose backend counts, e.g. net1
#   count      its counter that is the number of packets; or
#   operations the number itself (transactions, connections)
#   size       bytes on the wire with FCS, queues
#   base       the phase without traffic whose cost is taken off
#   refused    why there is no number
# and what the program that made or took the traffic printed when it was done.

programs=/lab/programs
measure_waiter=/tmp/measure.waiter

# phase_begin PHASE, phase_end PHASE LABEL FIELD...: FIELD is NAME:VALUE of JSON, or "". While $warming
# is not empty the traffic is only to warm caches, page pools and the like, and nothing is counted.
phase_begin() {
	[ -z "${warming:-}" ] || return 0
	[ -z "${PROFILE:-}" ] || tell "do profile start $DRIVER/$1" || fail "profile: $answer"
	snap "$DRIVER/$1.begin"
}

phase_end() {
	[ -z "${warming:-}" ] || return 0
	snap "$DRIVER/$1.end"
	[ -z "${PROFILE:-}" ] || tell "do profile stop" || fail "profile: $answer"
	phase_name=$1
	phase_fields="\"label\":\"$2\""
	shift 2
	for phase_field; do
		[ -z "$phase_field" ] || phase_fields="$phase_fields,\"${phase_field%%:*}\":${phase_field#*:}"
	done
	result "$DRIVER/$phase_name" "{$phase_fields}"
}

# phase_refused PHASE LABEL WHY SIZE: a row that says that there is no number, and why.
phase_refused() {
	note "$DRIVER/$1: $3"
	result "$DRIVER/$1" "{\"label\":\"$2\",\"size\":$4,\"queues\":${queues:-1},\"refused\":\"$3\"}"
}

# measure_bases: what the snapshots themselves cost, without (idle) and with (told) an order to a
# source between them as long as those of receive(). Five times each: now and then something else of the
# guest's falls between the two, and rows.jq takes the median.
measure_bases() {
	for base_round in 1 2 3 4 5; do
		phase_begin idle
		phase_end idle base
		phase_begin told
		tell "do $source_object source status                                   "
		phase_end told base
	done
}

# profile_modules: tells the lab what the functions of the modules are called that a packet meets.
profile_modules() {
	tell "do profile forget" || fail "profile: $answer"
	awk '$2 ~ /^[tT]$/ && $4 ~ /^\[(hv_|virtio|pktgen|tx_batch|net_failover|failover|cls_|act_|sch_)/ {
		gsub(/[][]/, "", $4); print $1, $3, $4 }' /proc/kallsyms >/tmp/symbols
	while read -r symbol; do
		tell "do profile symbol $symbol" || fail "profile: $answer"
	done </tmp/symbols
}

# measure_nics: two NICs of $DRIVER, up: $sink and $source, and the lab's names of them.
measure_nics() {
	driver_load 2
	sink=${nics% *}
	source=${nics#* }
	case $DRIVER in
	virtio_net) sink_object=net2 source_object=net3 ;;
	*) sink_object=net0 source_object=net1 ;;
	esac
	for nic in $nics; do
		quiet_up "$nic"
		all_channels "$nic"
	done
	[ -z "${PROFILE:-}" ] || profile_modules
}

# quiet_up NIC: no addresses, so nobody but the test speaks.
quiet_up() {
	echo 1 >"/proc/sys/net/ipv6/conf/$1/disable_ipv6"
	run ip link set "$1" up
	eventually 15 "carrier of $1" grep -q 1 "/sys/class/net/$1/carrier"
}

# drop_at_door NIC: what comes in is dropped by tc before any protocol looks at it.
drop_at_door() {
	run tc qdisc replace dev "$1" clsact
	run tc filter replace dev "$1" ingress protocol all matchall action drop
}

pgset() {
	echo "$2" >"/proc/net/pktgen/$1"
	grep -q 'Result: OK' "/proc/net/pktgen/$1" || fail "pktgen $1 $2: $(tail -n 1 "/proc/net/pktgen/$1")"
}

# transmit SIZE BURST [PREFIX]: pktgen, SIZE bytes on the wire, BURST packets announced at once
# (xmit_more); a thread for each of $queues queues. $tx_mode is pktgen's xmit_mode, if not start_xmit.
# $tx_unseen is not empty where they do not get to the host.
transmit() {
	tx_each=$((PACKETS / ${queues:-1}))
	for tx_thread in /proc/net/pktgen/kpktgend_*; do
		pgset "${tx_thread##*/}" rem_device_all
	done
	tx_queue=0
	while [ "$tx_queue" -lt "${queues:-1}" ]; do
		tx_device=$sink@$tx_queue
		pgset "kpktgend_$tx_queue" "add_device $tx_device"
		for setting in "count $tx_each" "pkt_size $(($1 - 4))" "burst $2" 'clone_skb 0' \
			'delay 0' 'dst 10.68.0.1' 'src_min 10.68.0.2' 'src_max 10.68.0.2' \
			'dst_mac 02:00:00:00:50:c0' 'udp_src_min 1024' 'udp_src_max 1024' \
			"queue_map_min $tx_queue" "queue_map_max $tx_queue"; do
			pgset "$tx_device" "$setting"
		done
		[ -z "${tx_mode:-}" ] || pgset "$tx_device" "xmit_mode $tx_mode"
		tx_queue=$((tx_queue + 1))
	done
	phase_begin "${3:-}tx-$1-$2"
	echo start >/proc/net/pktgen/pgctrl
	if [ "$2" = 1 ]; then tx_label="transmit $1 B"; else tx_label="transmit $1 B, bursts of $2"; fi
	phase_end "${3:-}tx-$1-$2" "${3:-}$tx_label" "nic:\"$sink_object\"" count:\"tx_packets\" "size:$1" \
		"queues:${queues:-1}" base:\"idle\" "${tx_unseen:+operations:$PACKETS}"
	at_least "packets that pktgen sent" "$tx_each" \
		"$(awk '/pkts-sofar/ { print $2 }' "/proc/net/pktgen/$sink@0")"
}

# transmit_batch SIZE BURST: bursts of packet buffers of their own, which every driver can take, by
# the module tx_batch: see tests/guest/modules. The sender stays on the first processor: elsewhere a
# packet costs up to thrice as much, and where it runs the scheduler says.
transmit_batch() {
	batch=/sys/module/tx_batch/parameters
	insert_ours tx_batch "nic=$sink" "size=$(($1 - 4))" "burst=$2" "count=$PACKETS"
	[ -z "${PROFILE:-}" ] || profile_modules
	phase_begin "batch-$1-$2"
	taskset 1 sh -c "echo 1 >$batch/run" || fail "tx_batch does not run"
	phase_end "batch-$1-$2" "transmit $1 B, bursts of $2, a buffer each" "nic:\"$sink_object\"" \
		count:\"tx_packets\" "size:$1" "queues:${queues:-1}" base:\"idle\"
	at_least "packets that tx_batch sent" "$PACKETS" "$(cat $batch/sent)"
	run rmmod tx_batch
}

# waiter COMMAND...: a program that takes traffic. It says "ready", and when it has had all "done",
# with fields for phase_end; fails when it says something else first.
waiter() {
	rm -f "$measure_waiter"
	mkfifo "$measure_waiter"
	"$@" >"$measure_waiter" 2>/tmp/waiter.err &
	waiter_pid=$!
	exec 4<"$measure_waiter"
	while read -r waiter_word waiter_said <&4; do
		# xdp says its mode first
		case $waiter_word in mode=*) continue ;; esac
		[ "$waiter_word" = ready ]
		return
	done
	return 1
}

# waiter_failed: why the last one did not get ready.
waiter_failed() {
	waiter_status=0
	wait "$waiter_pid" || waiter_status=$?
	exec 4<&-
	waiter_error=$(tail -n 1 /tmp/waiter.err)
}

# waiter_done: waits for the word; $waiter_said is what came with it.
waiter_done() {
	waiter_word=
	read -r waiter_word waiter_said <&4 || :
	[ "$waiter_word" = "done" ] || fail "traffic was not all taken: $(tail -n 1 /tmp/waiter.err)"
}

waiter_end() {
	waiter_rest=$(tr '\n' ' ' <&4)
	exec 4<&-
	wait "$waiter_pid" || fail "the program that took the traffic: $waiter_rest$(tail -n 1 /tmp/waiter.err)"
}

# receive PHASE LABEL SIZE SOURCE-OPTIONS: the running waiter takes $PACKETS from the source.
receive() {
	phase_begin "$1"
	tell "do $source_object source start rate=max,count=$PACKETS,size=$(($3 - 4))${4:+,$4}" ||
		fail "the source: $answer"
	waiter_done
	# shellcheck disable=SC2086 # fields
	phase_end "$1" "$2" "nic:\"$source_object\"" count:\"rx_packets\" "size:$3" \
		"queues:${queues:-1}" base:\"told\" $waiter_said
	waiter_end
}

# receive_drop SIZE [PREFIX]
receive_drop() {
	waiter $programs/rxwait "$source" "$PACKETS" || fail "rxwait: $(cat /tmp/waiter.err)"
	receive "${2:-}rx-$1" "${2:-}receive $1 B, ingress drop" "$1" ''
}

# begin_now: a waiter that makes its own traffic begins.
begin_now() {
	kill -USR1 "$waiter_pid"
}

# transmit_bursts SIZE [PREFIX]: UDP from a socket, cut by the stack into packets that the driver gets
# as a list (xmit_more). $sink has the address 10.67.0.2 for it. The sender stays on the first processor.
transmit_bursts() {
	run ip addr replace 10.67.0.2/24 dev "$sink"
	run ip neigh replace 10.67.0.1 lladdr 02:00:00:00:50:c0 dev "$sink"
	waiter taskset 1 $programs/udpburst 10.67.0.1 9 $(($1 - 46)) "$PACKETS" || fail "udpburst: $(cat /tmp/waiter.err)"
	phase_begin "${2:-}burst-$1"
	begin_now
	waiter_done
	# shellcheck disable=SC2086 # fields
	phase_end "${2:-}burst-$1" "${2:-}transmit $1 B, lists of up to 64" "nic:\"$sink_object\"" \
		count:\"tx_packets\" "size:$1" "queues:${queues:-1}" base:\"idle\" $waiter_said
	waiter_end
	run ip addr flush dev "$sink"
}

# receive_udp SIZE: to a socket, one call a datagram. Nothing may drop them at the door.
receive_udp() {
	tc qdisc del dev "$source" clsact 2>/dev/null || :
	run ip addr replace 10.68.0.2/16 dev "$source"
	# pages of all sockets together: datagrams wait while the interrupt has the processor
	echo 65536 65536 65536 >/proc/sys/net/ipv4/udp_mem
	waiter $programs/udpsink 9 "$PACKETS" || fail "udpsink: $(cat /tmp/waiter.err)"
	receive "udp-$1" "receive $1 B, UDP socket" "$1" ''
	run ip addr flush dev "$source"
	drop_at_door "$source"
}

# receive_xdp ACTION SIZE: a program run by the driver; redirect sends to $sink.
receive_xdp() {
	xdp_name=xdp_$1-$2
	xdp_label="XDP_$(echo "$1" | tr '[:lower:]' '[:upper:]') $2 B"
	xdp_other=
	# hv_netvsc has no XDP for packets that the host has joined.
	ethtool -K "$source" lro off >/dev/null 2>&1 || :
	ethtool -K "$sink" lro off >/dev/null 2>&1 || :
	[ "$1" != redirect ] || xdp_other=$sink
	# shellcheck disable=SC2086
	if waiter $programs/xdprun "$source" "$1" "$PACKETS" $xdp_other; then
		receive "$xdp_name" "$xdp_label" "$2" ''
	else
		waiter_failed
		[ "$waiter_status" = 3 ] || fail "xdprun: $waiter_error"
		phase_refused "$xdp_name" "$xdp_label" "$waiter_error" "$2"
	fi
}

# xsk_failed PHASE LABEL SIZE: a row that says why there is no socket.
xsk_failed() {
	waiter_failed
	[ -n "$waiter_error" ] || fail "xdp: no word"
	phase_refused "$1" "$2" "$(echo "$waiter_error" | tr -d '"')" "$3"
}

# receive_xsk rxdrop|l2fwd SIZE: to an AF_XDP socket, in the mode that the driver has; l2fwd sends each
# frame back. A ring of the socket holds 2048 frames: no more than that come, so that none is lost
# whoever is faster.
receive_xsk() {
	xsk_packets=$PACKETS
	[ "$PACKETS" -le 1900 ] || PACKETS=1900
	ethtool -K "$source" lro off >/dev/null 2>&1 || :
	if waiter xdp "$1" "$source" 0 "$PACKETS" measure; then
		receive "$1-$2" "AF_XDP $1 $2 B" "$2" flows=1
	else
		xsk_failed "$1-$2" "AF_XDP $1 $2 B" "$2"
	fi
	PACKETS=$xsk_packets
}

# transmit_xsk SIZE: from an AF_XDP socket, likewise.
transmit_xsk() {
	if waiter xdp txonly "$sink" 0 "$PACKETS" $(($1 - 4)) measure; then
		phase_begin "txonly-$1"
		begin_now
		waiter_done
		phase_end "txonly-$1" "AF_XDP txonly $1 B" "nic:\"$sink_object\"" count:\"tx_packets\" \
			"size:$1" "queues:${queues:-1}" base:\"idle\"
		waiter_end
	else
		xsk_failed "txonly-$1" "AF_XDP txonly $1 B" "$1"
	fi
}

# busy_ticks: what all processors together have not been idle so far.
busy_ticks() {
	awk '$1 == "cpu" { print $2 + $3 + $4 + $7 + $8 }' /proc/stat
}

# value NIC COUNTER: of the driver's.
value() {
	ethtool -S "$1" | awk -v name="$2:" '$1 == name { print $2 }'
}

# seen OBJECT COUNTER: of the host's.
seen() {
	tell "do $1 counters" || fail "counters: $answer"
	echo "$answer" | tr ' ' '\n' | sed -n "s/^$2=//p"
}

# settle: until the guest is idle. For seconds after a boot threads of the kernel may take every
# nanosecond that the traffic leaves, and be counted as its cost.
settle() {
	settle_turns=60
	while :; do
		settle_before=$(busy_ticks)
		sleep 1
		settle_busy=$(($(busy_ticks) - settle_before))
		[ "$settle_busy" -gt $((5 * CPUS)) ] || return 0
		note "$settle_busy ticks of other work in a second: $(busiest)"
		settle_turns=$((settle_turns - 1))
		[ "$settle_turns" -gt 0 ] || fail "the guest does not become idle"
	done
}

# busiest: the three processes that have run longest, with their ticks.
busiest() {
	for settle_stat in /proc/[0-9]*/stat; do
		sed 's/.*(\(.*\)) [A-Z] \(.*\)/\2 \1/' "$settle_stat" 2>/dev/null
	done | awk '{ print $11 + $12, $NF }' | sort -rn | head -n 3 | tr '\n' ' '
}
