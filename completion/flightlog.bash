# Completes "flightlog" in bash by argcomplete, which is asked for when it is first needed:
# sourcing this takes no time.
_flightlog_complete() {
  local register
  for register in register-python-argcomplete register-python-argcomplete3; do
    if type "$register" >/dev/null 2>&1; then
      eval "$("$register" flightlog)"
      return 124  # bash asks again, and now argcomplete answers
    fi
  done
}
complete -o default -o bashdefault -F _flightlog_complete flightlog
