# SPDX-License-Identifier: GPL-2.0
# From the results of a run (hvlab(8), RESULTS) to rows: one for each phase and driver, as
# tests/guest/measure.sh left them. A row's numbers are per packet, or per operation where the
# phase counts operations; what the snapshots themselves cost is taken off: the median of the base's
# pairs of snapshots, each taken as a whole. A phase with memory_kb has that instead.
# docs/performance.md describes the fields.

def vp(f): [.vcpus.vp[] | f] | add;
def queues($nic): (.[$nic].channels // [])[];
def sum($nic; f): [queues($nic) | f // 0] | add // 0;
def msrs: [.vcpus.vp[].msr[] | .reads + .writes] | add // 0;

# What a phase's row is made of, at one snapshot.
def at($nic):
  { ns: vp(.cpu.total_ns), exits: vp(.kvm.exits), io: vp(.kvm.io_exits), mmio: vp(.kvm.mmio_exits),
    halt: vp(.kvm.halt_exits), irq: vp(.kvm.irq_exits), window: vp(.kvm.irq_window_exits),
    msr: msrs, host: ([.loops[].total_ns] | add // 0), time: .time_ns }
  + if $nic then
      { doorbells: sum($nic; .doorbells), interrupts: sum($nic; .interrupts),
        rx_copied: sum($nic; .rx_copied), sends: sum($nic; .tx_sends),
        in_section: sum($nic; .tx_in_section), tx_bytes: sum($nic; .tx_bytes),
        refused: (sum($nic; .tx_refused) + sum($nic; .rx_no_room) + sum($nic; .tx_malformed)) }
    else {} end;

def minus($b): with_entries(.value -= ($b[.key] // 0));

# What a phase without traffic costs: of its pairs of snapshots the one with the median of guest time.
def base($name):
  [ [.[] | select(.name == "\($name).begin") | at(null)], [.[] | select(.name == "\($name).end") | at(null)] ]
  | transpose | map(.[0] as $begin | .[1] | minus($begin)) | sort_by(.ns) | .[(length - 1) / 2 | floor]
  // error("no snapshots of \($name)");

. as $run
| ([.snapshots[] | { (.name): . }] | add) as $snap
| [ .results | to_entries[] | select((.value | type) == "object" and .value.label)
    | select(.value.label != "base")
    | .value as $phase | (.key | split("/")) as [$driver, $name]
    | { driver: $driver, phase: $name, label: $phase.label, size: $phase.size,
        queues: ($phase.queues // 1), vcpus: $run.run.cpus }
    + if $phase.refused then { refused: $phase.refused }
      elif $phase.memory_kb then $phase | del(.label, .size, .queues)
      else
        ($snap["\($driver)/\($name).begin"]) as $a | ($snap["\($driver)/\($name).end"]) as $b
        | ($run.snapshots | base("\($driver)/\($phase.base)")) as $base
        | (if $phase.operations then $phase.operations
           else $b[$phase.nic].backend[$phase.count] - $a[$phase.nic].backend[$phase.count] end) as $n
        | select($n > 0)
        | ($b | at($phase.nic) | minus($a | at($phase.nic)) | minus($base)) as $d
        | { count: $n,
            guest_ns: ($d.ns / $n),
            exits: ({ total: $d.exits, io: $d.io, mmio: $d.mmio, msr: $d.msr, halt: $d.halt,
                      host_interrupt: $d.irq, interrupt_window: $d.window }
                    | .other = .total - .io - .mmio - .msr - .halt - .host_interrupt - .interrupt_window
                    | map_values(. / $n)),
            doorbells: (if $phase.nic then $d.doorbells / $n else null end),
            interrupts: (if $phase.nic then $d.interrupts / $n else null end),
            host_ns: ($d.host / $n),
            time_ns: ($d.time / $n),
            # Bytes the guest itself copied are known where all went by send sections, or none.
            copied_bytes: (if $phase.nic and $d.sends > 0 and ($d.in_section == $d.sends or $d.in_section == 0)
                           then (if $d.in_section > 0 then $d.tx_bytes / $n else 0 end) else null end),
            host_refused: ($d.refused // 0) }
        + ($phase | del(.label, .size, .queues, .nic, .count, .base, .operations))
      end ]
| . as $rows
| def value: .guest_ns // .memory_kb;
  [ .[] | . as $r
    | ([ $rows[] | select(.driver == "hv_netvsc" and .phase == $r.phase) ][0] | value) as $base
    | .ratio = (if $base and value then value / $base else null end) ]
| sort_by(.phase)
