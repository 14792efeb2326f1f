# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154,SC2153
# TCP and UDP throughput both ways, the drivers in turns in the same guest, ROUNDS times.
#: cpus=2 deadline=300 peer=iperf3
#: DRIVERS=hv_netvsc,hv_netvsc_accel STREAM_SECONDS=3 ROUNDS=1 LEAST=0 KINDS=tcp,udp UDP_RATE=50M
#: --net netvsc,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

# How fast an emulated processor moves bytes means nothing, and what else the machine does moves it
# by a factor; that one driver is slower than another in the same guest means a lot. Hence turns, the
# median of each, and LEAST: percent of the first driver's median that the second one's has to
# reach in every direction. 0 compares nothing.

# turn DIRECTION [IPERF3 OPTION...]: one stream, remembered for the medians.
turn() {
	turn_direction=$1
	shift
	stream "$DRIVER.$turn_direction.$round" "$@"
	echo "${rate%% *}" >>"/tmp/$DRIVER.$turn_direction"
}

# median FILE
median() {
	sort -n "$1" | awk '{ at[NR] = $1 } END { print NR % 2 ? at[(NR + 1) / 2] : (at[NR / 2] + at[NR / 2 + 1]) / 2 }'
}

directions=
for kind in $(echo "$KINDS" | tr ',' ' '); do
	directions="$directions ${kind}_out ${kind}_in"
done

round=1
while [ "$round" -le "$ROUNDS" ]; do
	for DRIVER in $(echo "$DRIVERS" | tr ',' ' '); do
		driver_load
		address "$nics"
		echo_test
		for direction in $directions; do
			set -- -c "$peer4"
			case $direction in udp_*) set -- "$@" -u -b "$UDP_RATE" -l 1400 ;; esac
			case $direction in *_in) set -- "$@" -R ;; esac
			turn "$direction" "$@"
		done
		driver_unload
	done
	round=$((round + 1))
done

first=${DRIVERS%%,*} second=${DRIVERS##*,}
[ "$first" != "$second" ] || exit 0
for direction in $directions; do
	for DRIVER in $first $second; do
		result "$DRIVER.${direction}_mbit" "$(median "/tmp/$DRIVER.$direction")"
	done
	percent=$(echo "$(median "/tmp/$second.$direction") $(median "/tmp/$first.$direction")" |
		awk '{ print int(100 * $1 / $2) }')
	result "$direction.percent" "$percent"
	at_least "$direction, percent of what $first moved" "$LEAST" "$percent"
done
