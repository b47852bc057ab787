# The supervisor of one sandbox; supervisor.py fills in the words between @ signs and says what
# it is for. POSIX shell, builtin commands alone, since an image may have nothing else.
#
# Standard input brings commands, the first line a secret. The end of each process is told by a
# line with the secret on standard output and another on standard error (kept as 3).
#
# Each process has a follower, a subshell that waits for it, tells its end and passes signals on:
# SIGTERM as it is, SIGUSR1 as SIGKILL. A `wait` that a signal interrupts answers as if that had
# ended the process, so what looks like a signal is believed when it is told twice of a process
# that was gone before the `wait`; a shell that has told the true status may answer 127. Once in a
# while bash loses the status of what ended just as a signal came: it answers -1 then, or 127 at
# once.
exec 3>&2 2>/dev/null
@before@
trap '' HUP INT QUIT TERM
IFS= read -r _tb_mark || exit 0
_tb_all=
_tb_say() {
  printf '\036%s %s %s\n' "$_tb_mark" "$1" "$2"
  printf '\036%s %s %s\n' "$_tb_mark" "$1" "$2" >&3
}
_tb_start() {
  if [ -n "$_tb_name" ]; then
    unset @hidden@
    exec @switch@ @extension@"$_tb_name" </dev/null 2>&3 3>&-
  fi
  exec @switch@ "$@" </dev/null 2>&3 3>&-
}
_tb_signal() {
  [ "$_tb_hit" = KILL ] || _tb_hit=$1
  [ -n "$_tb_child" ] || return
  [ "$1" != KILL ] || kill -KILL "-$_tb_child"
  kill "-$1" "$_tb_child"
}
_tb_follow() {
  _tb_hit= _tb_child= _tb_code=
  trap '_tb_signal TERM' TERM
  trap '_tb_signal KILL' USR1
  trap - HUP
  _tb_start "$@" &
  _tb_child=$!
  [ -z "$_tb_hit" ] || _tb_signal "$_tb_hit"
  @announce@
  while :; do
    _tb_gone=
    kill -0 "$_tb_child" || _tb_gone=1
    wait "$_tb_child"
    _tb_status=$?
    if [ "$_tb_status" = 127 ] && [ -n "$_tb_code" ]; then break; fi
    _tb_last=$_tb_code _tb_code=$_tb_status
    [ "$_tb_code" -lt 0 ] || [ "$_tb_code" -gt 128 ] || break
    [ -z "$_tb_gone" ] || [ "$_tb_code" != "$_tb_last" ] || break
  done
  case $_tb_hit$_tb_code in *-1 | KILL138) _tb_code=137 ;; esac
  _tb_say "$_tb_n" "$_tb_code"
  exit "$_tb_code"
}
_tb_reset() {
  @kill@
  wait
  _tb_all=
  @sweep@
}
while IFS=' ' read -r _tb_verb _tb_n _tb_name; do
  case $_tb_verb in
    run)
      _tb_follow "$@" &
      _tb_all="$_tb_all $!"
      eval "_tb_of_$_tb_n=\$!"
      ;;
    term) eval "kill -TERM \"\$_tb_of_$_tb_n\"" ;;
    ask)
      jobs -p >/dev/null
      eval "_tb_one=\$_tb_of_$_tb_n"
      if ! kill -0 "$_tb_one"; then
        wait "$_tb_one"
        _tb_say "$_tb_n" "$?"
      fi
      ;;
    echo) _tb_say "$_tb_n" 0 ;;
    reset)
      _tb_reset
      _tb_say "$_tb_n" 0
      ;;
  esac
done
_tb_reset
