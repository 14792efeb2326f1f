# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2034,SC2154
# A NIC that cannot be brought back: hvaccel switch reboots the machine (hvlab ends with 12).
#: cpus=2 deadline=180
#: --net netvsc,id=net0,queues=@CPUS@,backend=pair:wire
#: --net netvsc,id=net1,queues=@CPUS@,backend=pair:wire
#fault: at netvsp.send_recv_buf on net0 nth 2 drop
#fault: at netvsp.send_recv_buf on net0 nth 3 drop
#fault: at netvsp.send_recv_buf on net0 nth 4 drop

# Ours asks twice and gives up; hv_netvsc waits for its answer without an end, so the way back is stuck inside the kernel.
# shellcheck disable=SC1091
. /lab/switch.sh

join
log_in
remote "hvaccel switch $near accel --confirm 20 --limit 25"
ends_as 60 returning
ends_as 60 rebooting
sleep 20
fail "still here"
