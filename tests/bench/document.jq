# SPDX-License-Identifier: GPL-2.0
# The tables of docs/performance.md, one for each kernel and timing.

def r($d): if . == null then "-" else . * pow(10; $d) | round / pow(10; $d) end;
def us: if . == null then "-" else . / 1000 | r(1) end;
def line: "| " + (map(tostring) | join(" | ")) + " |";

def numbers:
  if .refused then [ .refused, "-", "-", "-", "-", "-", "-", "-" ]
  elif .memory_kb then [ "\(.memory_kb) kB", "-", "-", "-", "-", "-", "-", (.ratio | r(2)) ]
  else [ (.guest_ns | round),
         "\(.exits.total | r(2)): \(.exits.io | r(2)) / \(.exits.msr | r(2)) / \(.exits.halt | r(2)) / \(.exits.host_interrupt | r(2)) / \((.exits.mmio + .exits.interrupt_window + .exits.other) | r(2))",
         (.doorbells | r(3)), (.interrupts | r(3)), (.copied_bytes | r(0)),
         (if .p50_ns then "\(.p50_ns | us) / \(.p99_ns | us) / \(.p999_ns | us)" else "-" end),
         (if (.runs | length) > 1 then "\(.spread * 100 | r(2)) %" else "-" end),
         (.ratio | r(2)) ]
  end;

def order: { low: 0, middle: 1, high: 2 }[.setting] // 3;

(.made | group_by([.kernel, order])[]) as $made
| ($made[0]) as $first
| [ .rows[] | select(.kernel == $first.kernel and .setting == $first.setting) ] as $rows
| "## Kernel \($first.kernel), host timing \($first.setting)\n",
  ([ $made[] | { command, commit, date: .date[:10], processor, runs } ] | unique
   | .[] | "Made by `\(.command)` at \(.commit), \(.date), on \(.processor); \(.runs) run(s) of each bench."),
  "",
  ([ "traffic", "bytes", "queues", "vCPUs", "driver", "guest ns", "exits: I/O / MSR / halt / host timer / other",
     "doorbells", "interrupts", "copied bytes", "p50 / p99 / p99.9, us", "spread", "ratio" ] | line),
  ([ range(13) | "---" ] | line),
  ($rows[] | [ .label, (.size // "-"), .queues, .vcpus, .driver ] + numbers | line),
  ""
