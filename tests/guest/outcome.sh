# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2317
#
# For scenarios with a host that misbehaves: steps that may not end, and the outcome told as a
# result. Needs report.sh and driver.sh.

# Longest that a step of a healthy guest takes, with a host that is three seconds late.
WAIT_S=15

# finish_with OUTCOME [DETAIL]
finish_with() {
	tell "do faults fired" || fail "no fault script: run with --faults"
	fired=${answer% *}
	result fired "$fired"
	result outcome "$1"
	[ -z "${2:-}" ] || result at "$2"
	[ "$fired" -gt 0 ] || fail "no fault has fired"
	exit 0
}

# Functions that wait on behalf of their caller.
waits='schedule|wait_|io_schedule|msleep|usleep|down|mutex_lock|rtnl|rwsem|flush_w|destroy_w|synch'

# waiting_at: first function below the scheduler in the stack of the first task that sleeps
# uninterruptibly now and still does a second later.
waiting_at() {
	for directory in /proc/[0-9]*; do
		case $(sed -n 's/^State:[[:space:]]*//p' "$directory/status" 2>/dev/null) in
		D*) ;;
		*) continue ;;
		esac
		first=$(cat "$directory/stack" 2>/dev/null) || continue
		sleep 1
		[ "$first" = "$(cat "$directory/stack" 2>/dev/null)" ] || continue
		echo "$first" | sed 's/^\[<0>\] //; s/+.*//' |
			grep -vE "^(__)?($waits)" | head -n 1
	done | grep . | sort -u | tr '\n' ' '
}

# busy_at: who is busy for ever, as far as a scenario can tell; for it to replace.
busy_at() {
	:
}

# judge_wait WHAT: ends the scenario: WHAT did not end.
judge_wait() {
	where=$(waiting_at)
	[ -n "$where" ] || where=$(busy_at)
	note "$1 did not end; tasks wait in: $where"
	case " $where" in
	*" vmbus_"* | *" __vmbus_"* | *" hv_synic"* | *" hv_pci_"* | *" wait_for_response"* | \
		*" new_pcichild_device"*)
		case " $where" in
		*" netvsc_"* | *" rndis_"* | *" hva_"* | *" napi_"*) finish_with hangs "$1: $where" ;;
		*) finish_with "waits in bus" "$1: $where" ;;
		esac
		;;
	*) finish_with hangs "$1: $where" ;;
	esac
}

# step WHAT COMMAND...: runs it in the background; true when it succeeds in time.
step() {
	step_name=$1
	shift
	"$@" >/tmp/step.log 2>&1 </dev/null &
	step_pid=$!
	step_turns=$((WAIT_S * 5))
	while grep '^State:' "/proc/$step_pid/status" 2>/dev/null | grep -qv Z; do
		step_turns=$((step_turns - 1))
		[ "$step_turns" -gt 0 ] || judge_wait "$step_name"
		sleep 0.2
	done
	wait "$step_pid"
}

# load_any: the driver, whether it takes the NIC or not.
load_any() {
	case $DRIVER in
	hv_netvsc) modprobe hv_netvsc ;;
	*)
		insert_ours "$DRIVER"
		for device in $(vmbus_nics); do
			echo "$DRIVER" >"$vmbus_devices/$device/driver_override"
			echo "$device" >/sys/bus/vmbus/drivers_probe
		done
		;;
	esac
}

unload_any() {
	driver_unload
}

# interface: the NIC's, empty when it has none.
interface() {
	for device in $(vmbus_nics); do
		ls "$vmbus_devices/$device/net" 2>/dev/null
	done | head -n 1
}

setup() {
	ip link set "$1" up || return 1
	ip addr replace 10.55.0.2/24 dev "$1" || return 1
}

flows() {
	for try in 1 2 3 4 5 6; do
		! ping -q -c 3 -i 0.05 -W 1 10.55.0.1 || return 0
		note "no traffic at try $try"
	done
	return 1
}
