# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153
# The data path moves to the VF and back amid numbered traffic: nothing is lost, and how long it takes.
#: cpus=2 deadline=3000 guest=modules guest=bench
#: SWITCHES=20 RATE=500 SIZE=400 QUIET=5 STAY=0
#: --net netvsc,id=net0,queues=@CPUS@,backend=echo
#: --vf virtio,id=vf0,nic=net0,serial=9,delay=100

# SWITCHES counts both ways. QUIET: seconds of the same traffic before, without a switch. STAY: seconds
# on a path after each switch.

# shellcheck disable=SC1091
. /lab/vf.sh
# shellcheck disable=SC1091
. /lab/numbered.sh

switches() {
	turn=0
	while [ "$turn" -lt $((SWITCHES / 2)) ]; do
		turn=$((turn + 1))
		run ip link set "$vf" down
		eventually 20 "switch $turn away from $vf" path_is synthetic
		sleep "$STAY"
		run ip link set "$vf" up
		eventually 20 "switch $turn to $vf" path_is vf
		sleep "$STAY"
	done
}

# fq_codel drops one of those that waited longer than it likes, as they do on a machine with too much to do.
echo pfifo_fast >/proc/sys/net/core/default_qdisc
driver_load
vf_drivers
run ip link set "$nics" up
ip addr replace 10.68.0.2/16 dev "$nics"
vf_up "$nics"
eventually 20 "an echo" ping -q -c 1 -W 1 10.68.0.1

# sent_over NAME OBJECT: packets that the guest has sent over that path so far.
sent_over() {
	packets "$2"
	result "$1" "$tx"
}

numbered quiet sleep "$QUIET"
same "lost without a switch" 0 "$(number lost)"
sent_over vf_before vf0
sent_over synthetic_before net0
numbered switched switches
result qdiscs "$(tc -s qdisc show | sed -n 's/^.*(dropped \([0-9]*\).*/\1/p' | paste -sd' ')"
sent_over vf_after vf0
sent_over synthetic_after net0
tell "do net0 counters" || fail "counters of net0: $answer"
at_least "switches to the VF" $((SWITCHES / 2)) "$(word to_vf)"
at_least "switches away from it" $((SWITCHES / 2)) "$(word to_synthetic)"
result switches "$answer"
result turns "$SWITCHES"
[ "$DRIVER" = hv_netvsc_accel ] || exit 0
same "lost amid $SWITCHES switches" 0 "$(number lost)"
same "came twice" 0 "$(number twice)"
vf_stats
same "path" 1 "$(stat vf_path)"
at_least "switches to the VF" $((SWITCHES / 2)) "$(stat vf_switches_in)"
at_least "switches away, counted by cause" $((SWITCHES / 2)) "$(stat vf_cause_down)"
same "flaps, since all of it was wanted" 0 "$(stat vf_flaps)"
same "not sent when the VF went down" 0 "$(stat vf_tx_dropped)"
result last_ms "$(stat vf_ms_last)"
