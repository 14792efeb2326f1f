# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Exports of ivshmem's memory, imported by the edu device's engine: neither is of this project.
#: deadline=300
#qemu: -object memory-backend-ram,id=shm,size=1G,share=on -device ivshmem-plain,memdev=shm
#qemu: -device edu,dma_mask=0xffffffffffffffff
#qemu: -device secondary-vga -device secondary-vga

# shellcheck disable=SC1091
. /lab/gpu.sh

# address VENDOR DEVICE: of the function that has these ids.
address() {
	for path in "$pci_devices"/*; do
		[ "$(cat "$path/vendor") $(cat "$path/device")" != "$1 $2" ] || echo "${path##*/}"
	done
}

! dmesg | grep -q 'Hypervisor detected: Microsoft Hyper-V' || fail "this is Hyper-V"
memory=$(address 0x1af4 0x1110)
engine=$(address 0x1234 0x11e8)
case $memory:$engine in
:* | *:) fail "QEMU has no ivshmem-plain or no edu" ;;
esac
insert_ours hv_gpu_passthrough
same "functions of vPCI" 0 "$(find "$gpupt/devices" -mindepth 1 -maxdepth 1 | grep -c . || :)"
claim "$memory"
insert_ours lab_dma
eventually 10 "the engine" test -c "/dev/labdma/$engine"
echo 1000 >/sys/module/hv_gpu_passthrough/parameters/revoke_timeout_ms
# Its firmware sets up MTRRs, so that 6.1 can combine writes as well.
[ "$KERNEL" = debug ] || export WANT_WC=1
gpu_levels

# gputest COMMAND...: a line each of what passed.
gputest() {
	note "+ gputest $*"
	begun=$(cut -d. -f1 /proc/uptime)
	/lab/programs/gputest "$@" "$memory" "$engine" >/tmp/gputest.log 2>&1 || {
		cat /tmp/gputest.log
		fail "gputest $*: $(tail -n 1 /tmp/gputest.log)"
	}
	result "$1" "$(grep -c '^ok ' /tmp/gputest.log)"
	result "$1_seconds" $(($(cut -d. -f1 /proc/uptime) - begun))
}

gputest cases
gputest huge
grep -q "^$memory $engine " "$gpupt/p2p_matrix" || note "no verdict of a client that is neither GPU nor NIC"
same "mappings undone" "$(stat_of "$memory" maps)" "$(stat_of "$memory" unmaps)"
result faults_huge "$(stat_of "$memory" faults_huge)"
result revoke_max_ms $(($(stat_of "$memory" revoke_max_ns) / 1000000))

# GPUs of one domain: each is in the topology's file.
gpus=$(address 0x1234 0x1111)
for gpu in $gpus; do
	[ ! -e "$pci_devices/$gpu/driver" ] || echo "$gpu" >"$pci_devices/$gpu/driver/unbind"
	claim "$gpu"
	same "role of $gpu" gpu "$(of "$gpu" role)"
done
same "GPUs" 2 "$(echo "$gpus" | wc -l)"
for gpu in $gpus; do
	grep -q "busid=\"$gpu\"" "$gpupt/nccl_topo.xml" ||
		fail "$gpu is not in $(cat "$gpupt/nccl_topo.xml")"
done

# The device goes while the engine writes it and a process has it mapped.
/lab/programs/gputest removal /tmp/ready "$memory" "$engine" >/tmp/user.log 2>&1 &
user=$!
eventually 20 "its user" test -e /tmp/ready
echo 1 >"$pci_devices/$memory/remove"
wait "$user" || fail "the user of what was removed: $(cat /tmp/user.log)"
[ ! -e "$gpupt/devices/$memory" ] || fail "it is listed still"
run rmmod hv_gpu_passthrough
run rmmod lab_dma
