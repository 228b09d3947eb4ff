# steps.sh: what the scripts beside it share; sourced by them, not run.
#
# They set `root` before.
# shellcheck shell=sh

child=

say() {
  printf '==> %s\n' "$*"
}

# One line that says what is wrong, and the end.
give_up() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

stop_child() {
  trap '' INT TERM HUP
  if [ -n "$child" ]; then
    kill -TERM "-$child" 2>/dev/null || kill -TERM "$child" 2>/dev/null || :
    wait "$child" 2>/dev/null || :
  fi
}

# Interrupted: nothing of ours stays behind.
stop_on_signals() {
  trap 'stop_child; exit 130' INT
  trap 'stop_child; exit 143' TERM HUP
}

# A command that takes long: waited for in the background, so that a signal is
# acted upon at once and not after it. A session of its own, because what the
# terminal sends is for us: we end it, and it ends its own children. With the
# usual signals, because a shell starts what is in the background without.
run() {
  python3 -c '
import os, signal, sys
for name in (signal.SIGINT, signal.SIGQUIT):
    signal.signal(name, signal.SIG_DFL)
os.setsid()
os.execvp(sys.argv[1], sys.argv[1:])' "$@" &
  child=$!
  code=0
  wait "$child" || code=$?
  child=
  return "$code"
}

# configure DIR [MESON OPTION ...]: once; afterwards ninja sees to it. The
# options are kept in a file: a folder made with others is made anew. One that
# you configured yourself, with your options, stays as it is.
configure() {
  dir=$1
  shift
  if [ -f "$dir/.options" ] && [ "$(cat "$dir/.options")" != "$*" ]; then
    rm -rf "$dir"
  fi
  if [ -f "$dir/build.ninja" ]; then
    return 0
  fi
  say "configuring ${dir#"$root"/}"
  mkdir -p "$dir"
  if ! run meson setup "$dir" "$root" "$@" >"$dir/configure.log" 2>&1; then
    cat "$dir/configure.log"
    return 1
  fi
  if [ $# != 0 ]; then
    printf '%s\n' "$*" >"$dir/.options"
  fi
}

# compile DIR [TARGET ...]
compile() {
  dir=$1
  shift
  say "compiling ${dir#"$root"/}"
  for ninja in ninja ninja-build samu; do
    if command -v "$ninja" >/dev/null 2>&1; then
      run "$ninja" -C "$dir" "$@"
      return
    fi
  done
  return 127
}
