# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# Histograms of the channels: both drivers' interrupts, our reader's waits, runs and batches; off and on.
#: cpus=2 deadline=120
#: --net @nic@,id=net0,queues=@CPUS@,backend=tap:ifname=lab0

folder=/sys/kernel/debug/hv_vmbus_accel/latency
table=/tmp/channels

# snapshot: what is there now, into $table; nothing is measured meanwhile, or a packet that comes
# between a sum and its parts would tell them apart.
snapshot() {
	enabled=$(cat "$folder/enable")
	echo 0 >"$folder/enable"
	sleep 0.2
	cat "$folder/channels" >"$table"
	echo "$enabled" >"$folder/enable"
}

# metric NAME FIELD: of all channels of $device together.
metric() {
	awk -v device="$device" -v name="$1" -v field="$2" '
		$1 == device && $5 == name { sum += $field }
		END { print sum + 0 }' "$table"
}

# buckets NAME: what its buckets hold together.
buckets() {
	awk -v device="$device" -v name="$1" '$1 == device && $5 == name {
		for (i = 9; i <= NF; i++) { split($i, b, ":"); sum += b[2] }
	} END { print sum + 0 }' "$table"
}

traffic() {
	run ping -q -c 50 -i 0.01 "$peer4"
	# the poll that brought the last answer has yet to end, and to be counted
	sleep 0.2
}

DRIVER=hv_netvsc
driver_load
insert_ours hv_vmbus_accel
device=$(device_of "$nics")
address "$nics"
same "enabled at first" 0 "$(cat "$folder/enable")"
traffic
same "measured while it is off" 1 "$(grep -c . "$folder/channels")"
run sh -c "echo 1 >$folder/enable"
run sh -c "echo 1 >$folder/enable"
refuse sh -c "echo 2 >$folder/enable"
traffic
snapshot
for each in gap_ns in_bytes out_bytes; do
	at_least "$each of hv_netvsc" 40 "$(metric "$each" 6)"
	same "buckets of $each" "$(metric "$each" 6)" "$(buckets "$each")"
done
at_least "inbound bytes at an interrupt" 16 "$(metric in_bytes 8)"
same "waits of a driver that does not tell" 0 "$(metric wait_ns 6)"

DRIVER=hv_netvsc_accel
driver_load
address "$nics"
run sh -c "echo 1 >$folder/reset"
same "enabled after a reset" 1 "$(cat "$folder/enable")"
traffic
snapshot
for each in wait_ns run_ns batch_packets; do
	at_least "$each of hv_netvsc_accel" 40 "$(metric "$each" 6)"
	same "buckets of $each" "$(metric "$each" 6)" "$(buckets "$each")"
done
# each ping is a packet from the host and a completion of what was sent
at_least "packets that were read" 100 "$(metric batch_packets 7)"
run sh -c "echo 0 >$folder/enable"
snapshot
before=$(metric batch_packets 6)
traffic
snapshot
same "batches after it was switched off" "$before" "$(metric batch_packets 6)"
run sh -c "echo 1 >$folder/reset"
same "lines after a reset" 1 "$(grep -c . "$folder/channels")"

# Again and again amid traffic, and gone while it is on.
ping -q -i 0.002 -w 20 "$peer4" >/dev/null &
turns=0
while [ "$turns" -lt 20 ]; do
	echo 1 >"$folder/enable"
	sleep 0.05
	echo 1 >"$folder/reset"
	[ $((turns % 2)) -eq 0 ] || echo 0 >"$folder/enable"
	cat "$folder/channels" >/dev/null
	turns=$((turns + 1))
done
echo 1 >"$folder/enable"
driver_unload
