# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The kernel panics amid traffic; the crash kernel sends the head of its memory over a NIC to another one.
#: cpus=1 deadline=240 mem=768 guest=bzImage append=crashkernel=256M
#: MEGABYTES=24
#: --on-panic continue
#: --net @nic@,id=net0,queues=@CPUS@,backend=pair:wire
#: --net @nic@,id=net1,queues=@CPUS@,backend=pair:wire

# here: $near 10.55.0.2     far: $other 10.55.0.1, who is sent the file

far() {
	ip netns exec far "$@"
}

driver_load 2
near=${nics%% *}
other=${nics##* }
ip netns add far
run ip link set "$other" netns far
run far ip link set "$other" up
far ip addr replace 10.55.0.1/24 dev "$other"
run ip link set "$near" up
ip addr replace 10.55.0.2/24 dev "$near"
eventually 15 "the other NIC" ping -q -c 1 -W 1 10.55.0.1

if grep -qw crash_kernel /proc/cmdline; then
	same "memory of the kernel that crashed" 1 "$([ -s /proc/vmcore ] && echo 1)"
	run sh -c "head -c $((MEGABYTES << 20)) /proc/vmcore >/tmp/vmcore"
	head -c 65536 /tmp/vmcore | tr '\0' '\n' >/tmp/notes
	same "what the memory begins with" ELF "$(head -c 4 /tmp/vmcore | tail -c 3)"
	grep -aqF "OSRELEASE=$(uname -r)" /tmp/notes || fail "no note of the kernel that crashed"
	grep -aq '^CRASHTIME=[1-9]' /tmp/notes || fail "it did not crash"
	# its own input stays open: it would hang up else
	mkfifo /tmp/silence
	exec 6<>/tmp/silence
	far nc -l -p 9000 <&6 >/tmp/received &
	receiver=$!
	eventually 5 "one who listens" sh -c "ip netns exec far netstat -ltn | grep -q :9000"
	run sh -c 'nc 10.55.0.1 9000 </tmp/vmcore'
	wait "$receiver" || fail "the receiver failed"
	same "bytes that came" $((MEGABYTES << 20)) "$(wc -c </tmp/received)"
	run cmp /tmp/vmcore /tmp/received
	at_least "bytes sent over $near" $((MEGABYTES << 20)) \
		"$(cat "/sys/class/net/$near/statistics/tx_bytes")"
	result crash_kernel "$(uname -r), $((MEGABYTES << 20)) bytes of /proc/vmcore"
	exit 0
fi
note "+ packing what this kernel runs from"
(cd / && find . -xdev ! -path './lab/bzImage' | cpio -o -H newc 2>/dev/null) >/tmp/initrd
run kexec -s -p /lab/bzImage --initrd=/tmp/initrd \
	--command-line="$(sed 's/crashkernel=[^ ]*//' /proc/cmdline) crash_kernel nr_cpus=1 reset_devices"
same "crash kernel loaded" 1 "$(cat /sys/kernel/kexec_crash_loaded)"
# Packets are under way both ways when it happens.
ping -q -f 10.55.0.1 >/dev/null 2>&1 &
sleep 1
note "+ echo c >/proc/sysrq-trigger"
# The crash kernel gives the verdict; this one has failed when it is still here.
echo c >/proc/sysrq-trigger
sleep 30
fail "still in the first kernel"
