# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# Mappings of a GPU's memory have huge page table entries where addresses allow it, and lose them.
#: cpus=2 deadline=180 guest=gpu guest=modules
#: --pci gpu,id=gpu0,domain=1,serial=1,memory=1G
#: --pci rdma,id=ib0,domain=0x101,serial=2

# shellcheck disable=SC1091
. /lab/gpu.sh

gpu_up
claim 0001:00:00.0
insert_ours lab_dma
eventually 10 "the engine" test -c /dev/labdma/0101:00:00.0
echo 1000 >/sys/module/hv_gpu_passthrough/parameters/revoke_timeout_ms
gpu_levels
run /lab/programs/gputest huge 0001:00:00.0 0101:00:00.0
cat /tmp/step.log
result level "$WANT_LEVEL"
result faults_huge "$(stat_of 0001:00:00.0 faults_huge)"
[ "$WANT_LEVEL" = 1 ] || at_least "huge faults" 8 "$(stat_of 0001:00:00.0 faults_huge)"
run rmmod hv_gpu_passthrough
