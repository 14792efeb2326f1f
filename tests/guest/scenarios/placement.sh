# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# hvaccel placement moves the channels of a live NIC: to its node, off isolated processors, and XPS follows.
#: cpus=8 deadline=180 append=isolcpus=managed_irq,domain,4
#: --numa 2
#: --net @nic@,id=net0,queues=4,backend=tap:ifname=lab0

channel_cpus() {
	for each in "$vmbus_devices/$device/channels"/*; do
		printf '%s %s\n' "$(cat "$each/subchannel_id")" "$(cat "$each/cpu")"
	done | sort -n | awk '{ printf "%s ", $2 }'
}

planned() {
	hvaccel placement | awk -v device="$device" '$1 == device { printf "%s ", $7 }'
}

DRIVER=hv_netvsc
driver_load
device=$(device_of "$nics")
address "$nics"
eventually 10 "4 channels" sh -c "[ \$(ls $vmbus_devices/$device/channels | wc -l) = 4 ]"
note "node $(cat "$vmbus_devices/$device/numa_node"), channels on $(channel_cpus)"
run hvaccel placement --apply
run hvaccel placement --check
same "channels of hv_netvsc" "$(planned)" "$(channel_cpus)"
case " $(channel_cpus)" in
*" 4 "*) fail "a channel on the isolated processor" ;;
esac
same "processors that have a channel" 4 "$(channel_cpus | tr ' ' '\n' | grep . | sort -u | wc -l)"
echo_test

# A processor with a channel cannot go, or since 6.15 its channels do; one that was cleared can.
victim=$(channel_cpus | tr ' ' '\n' | grep . | grep -vx 0 | head -n 1)
case $(uname -r) in
6.1.* | 6.12.*) refuse sh -c "echo 0 >/sys/devices/system/cpu/cpu$victim/online" ;;
*)
	run sh -c "echo 0 >/sys/devices/system/cpu/cpu$victim/online"
	case " $(channel_cpus) " in
	*" $victim "*) fail "a channel stays on processor $victim, which is gone: $(channel_cpus)" ;;
	esac
	echo_test
	run sh -c "echo 1 >/sys/devices/system/cpu/cpu$victim/online"
	run hvaccel placement --apply
	;;
esac
run hvaccel placement --apply --exclude "$victim"
run sh -c "echo 0 >/sys/devices/system/cpu/cpu$victim/online"
echo_test
before=$(channel_cpus)
run hvaccel placement --apply
same "channels while a processor is gone" "$before" "$(channel_cpus)"
run sh -c "echo 1 >/sys/devices/system/cpu/cpu$victim/online"
run hvaccel placement --apply
case " $(channel_cpus)" in
*" $victim "*) ;;
*) fail "processor $victim came back and has no channel: $(channel_cpus)" ;;
esac

# The same with ours: placement survives the change of driver, XPS follows the channels.
DRIVER=hv_netvsc_accel
driver_load
address "$nics"
eventually 10 "4 channels" sh -c "[ \$(ls $vmbus_devices/$device/channels | wc -l) = 4 ]"
run hvaccel placement --apply
same "channels of hv_netvsc_accel" "$(planned)" "$(channel_cpus)"
echo_test
queue=0
for cpu in $(channel_cpus); do
	mask=0x$(cat "/sys/class/net/$nics/queues/tx-$queue/xps_cpus")
	[ $((mask & 1 << cpu)) -ne 0 ] || fail "XPS of queue $queue ($mask) has not its processor $cpu"
	queue=$((queue + 1))
done
same "queues" 4 "$queue"
# who may not write is told so and nothing moves
before=$(channel_cpus)
run chmod 755 /
refuse busybox su nobody -s /bin/sh -c 'hvaccel placement --apply --exclude 1,2,3'
grep -q 'to processor .*: Permission denied' /tmp/step.log || fail "no word of rights: $(cat /tmp/step.log)"
same "channels after an attempt without rights" "$before" "$(channel_cpus)"
driver_unload
