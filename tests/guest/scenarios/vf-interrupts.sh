# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# The VF's interrupts go where the guest has them go: each queue's own processor, then all to the last.
#: cpus=4 deadline=180 peer=iperf3 guest=modules
#: NODES=2 NODE=1
#: --numa @NODES@
#: --net netvsc,id=net0,queues=@CPUS@,backend=tap:ifname=lab0
#: --vf virtio,id=vf0,nic=net0,numa=@NODE@,domain=0x21,delay=100

# shellcheck disable=SC1091
. /lab/vf.sh

# deliveries: of the VF's interrupts by processor, into $before or whatever $1 names.
deliveries() {
	tell "do vf0 interrupts" || fail "interrupts of vf0: $answer"
	eval "$1=\$answer"
}

# of LINE NAME
of() {
	answer=$1
	word "$2"
}

driver_load
vf_drivers
address "$nics"
vf_up "$nics"
function=/sys/bus/pci/devices/0021:00:00.0
same "NUMA node" "$NODE" "$(cat "$function/numa_node")"
irqs=$(ls "$function/msi_irqs")
# The configuration's interrupt, one for each queue of either direction; the last is not used.
at_least "interrupts" $((CPUS + 1)) "$(echo "$irqs" | wc -l)"

deliveries before
moves_over vf0 stream spread -c "$peer4" -P "$CPUS"
deliveries after
at_least "interrupts" 10 $(($(of "$after" delivered) - $(of "$before" delivered)))
result before "$before"
result after "$after"

last=$((CPUS - 1))
for irq in $irqs; do
	echo "$last" >"/proc/irq/$irq/smp_affinity_list" 2>/dev/null || note "IRQ $irq cannot be moved"
done
# An interrupt moves when it comes for the next time.
run ping -q -f -c 100 -w 20 "$peer4"
iperf3 -c "$peer4" -t 2 -P "$CPUS" >/dev/null 2>&1 </dev/null || fail "iperf3"
iperf3 -c "$peer4" -t 2 -P "$CPUS" -R >/dev/null 2>&1 </dev/null || fail "iperf3 -R"
deliveries before
at_least "retargets since the start" "$CPUS" "$(of "$before" retargets)"
moves_over vf0 stream "one" -c "$peer4" -P "$CPUS"
deliveries after
result moved_before "$before"
result moved_after "$after"
at_least "interrupts of the last processor" 10 \
	$(($(of "$after" "vp$last") - $(of "$before" "vp$last")))
vp=0
while [ "$vp" -lt "$last" ]; do
	grown=$(($(of "$after" "vp$vp") - $(of "$before" "vp$vp")))
	# A queue that had no interrupt since may still have its first one to come.
	[ "$grown" -le 4 ] || fail "processor $vp got $grown interrupts"
	vp=$((vp + 1))
done
