# Outlives a killed emulator by a second and removes its sandboxes.
# Standard input: a line when the emulator closes in order, nothing when it was killed.
# Arguments: the beginning of the run's names, its folder of temporary files, and each folder of
# cgroups.
trap '' HUP INT TERM
read -r line && exit 0
run=$1 tmp=$2
shift 2
for base; do
  for cgroup in "$base/$run"*; do
    while read -r pid; do kill -9 "$pid"; done <"$cgroup/cgroup.procs"
    # a frozen process of cgroup v1 dies when it is thawed
    [ -f "$cgroup/freezer.state" ] && echo THAWED >"$cgroup/freezer.state"
  done
done
sleep 1
rm -rf "$tmp/$run"*
for base; do rmdir "$base/$run"* "$base"; done
