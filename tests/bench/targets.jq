# SPDX-License-Identifier: GPL-2.0
# Each target with what was measured and a verdict: met, missed or not measured.
# Arguments: $targets (text of tests/bench/targets), $kernel (release; "" = any).

[ .rows[] | select(.setting == "middle" and ($kernel == "" or .kernel == $kernel)) ] as $rows
| def row($driver; $bench; $phase):
    [ $rows[] | select(.driver == $driver and .bench == $bench and .phase == $phase) ][0];
  def notify: .doorbells + .interrupts;
  def over($a; $b): if $a and $b and $b > 0 then { value: ($a / $b) } else {} end;
[ $targets | split("\n")[] | select(test("^[0-9]"))
  | capture("^(?<limit>[0-9.]+)\\s+(?<kind>\\S+)\\s+(?<bench>\\S+)\\s+(?<phase>\\S+)\\s+(?<what>.*\\S)")
  | .limit |= tonumber
  | . as $t
  | row("hv_netvsc_accel"; .bench; .phase) as $ours | row("hv_netvsc"; .bench; .phase) as $theirs
  | . + (if .kind == "ratio" then over($ours.guest_ns; $theirs.guest_ns)
         elif .kind == "memory" then over($ours.memory_kb; $theirs.memory_kb)
         elif .kind == "scaling" then over($ours.guest_ns; row("hv_netvsc_accel"; "rx"; .phase).guest_ns)
         elif .kind == "notify" then
           (if $ours.doorbells != null and $theirs.doorbells != null then
              ($ours | notify) as $a | ($theirs | notify) as $b
              | { value: (if $b > 0 then $a / $b else null end), each: $a, met: ($a <= 0.1 or $a <= $t.limit * $b) }
            else {} end)
         elif .kind == "spread" then
           ([ $rows[] | select(.driver == "hv_netvsc_accel" and .bench == $t.bench and ((.runs // []) | length) >= 5) | .spread ]
            | if length > 0 then { value: max } else {} end)
         else error("target of unknown kind \(.kind)") end)
  | .why = ($ours.refused // $theirs.refused)
  | .verdict = (if .met != null then (if .met then "met" else "missed" end)
                elif .value == null then "not measured"
                elif .value <= .limit then "met" else "missed" end) ]
