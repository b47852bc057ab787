# Joins a cgroup, waits for a line on standard input, and becomes what the script on descriptor 3
# says. Arguments: the files of the cgroup to write to.
for file do
  echo 0 >"$file" || exit 126
done
ulimit -c 0
ulimit -n 1024 2>/dev/null
read -r line || exit 0
. /dev/fd/3
