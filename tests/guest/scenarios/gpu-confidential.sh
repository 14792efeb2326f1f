# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# In a confidential VM functions are listed, but none is handed over: the module refuses, and says so.
#: cpus=2 deadline=120 guest=gpu
#: --isolation 15
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=16M
#: --pci rdma,id=ib0,domain=0x101,serial=2

# shellcheck disable=SC1091
. /lab/gpu.sh

dmesg | grep -q 'Hyper-V: Isolation Config: Group A 0x0, Group B 0xf' ||
	fail "this kernel does not know that it is isolated"
case $KERNEL in
6.1 | 6.1-*) skip "this kernel takes no vPCI bus in a confidential VM" ;;
esac
gpu_up
# What is known of the devices harms nobody.
same "group of the GPU" 0 "$(of 0001:00:00.0 group)"
grep -q 'busid="0001:00:00.0"' "$gpupt/nccl_topo.xml" || fail "it is not in the XML"

echo hv_gpu_passthrough >"$pci_devices/0001:00:00.0/driver_override"
echo 0001:00:00.0 >/sys/bus/pci/drivers_probe || :
[ ! -e "$pci_devices/0001:00:00.0/driver" ] || fail "bound in a confidential VM"
[ ! -e /dev/gpupt/0001:00:00.0 ] || fail "a device file in a confidential VM"
same claimed 0 "$(of 0001:00:00.0 claimed)"
dmesg | grep -q '0001:00:00.0: not in a confidential VM' || fail "it does not say why"
! echo 0001:00:00.0 >/sys/bus/pci/drivers/hv_gpu_passthrough/bind || fail "bound by hand"
run rmmod hv_gpu_passthrough
